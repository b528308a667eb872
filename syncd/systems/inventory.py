"""What a system has, as `syncd discover` shows it: one shape for three platforms.

The words are those of docs/glossary.md; where a platform has another word for a thing, it says so
here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from syncd.systems.fault_boundary import contained
from syncd.systems.port import CheckResult, PlatformError

T = TypeVar("T")

OnProgress = Callable[[str], None]
"""Takes what is being read just now, for a person who waits."""


@dataclass(frozen=True, slots=True)
class User:
    """A member of staff. ``zone`` is IANA, '' where the platform tells none."""

    id: str
    name: str = ""
    email: str = ""
    phone: str = ""
    zone: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Calendar:
    """What is booked: a calendar on v2, a service on v1. ``users`` and ``group`` are ids."""

    id: str
    name: str = ""
    type: str = ""
    users: tuple[str, ...] = ()
    group: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """What gathers calendars: a group on v2, a team on v1. Only a team has ``users`` (ids)."""

    id: str
    name: str = ""
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """A room, or a piece of equipment; ``id`` is '' where the platform shows none."""

    kind: Literal["room", "equipment"]
    name: str
    id: str = ""
    calendars: tuple[str, ...] = ()
    quantity: int | None = None
    out_of_service: int | None = None
    capacity: int | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Association:
    """What relates two kinds of records; the order of first and second counts."""

    id: str
    key: str
    first_key: str = ""
    first_label: str = ""
    second_key: str = ""
    second_label: str = ""


@dataclass(frozen=True, slots=True)
class AppointmentType:
    """A LeadSquared task type for appointments.

    ``unfit`` says why it cannot stand for busy time; empty, it can. ``unknown`` is what must be so
    besides, and cannot be read.
    """

    id: str
    name: str
    unfit: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemInventory:
    """Everything of one system that a mapping may name.

    ``account`` is the id of location or account and ``name`` its name, each '' where none is told.
    ``findings`` say what could not be read, and what is odd in what was. Without ``users_listed``
    the account's list of users is empty, which does not prove that there is none: ``users`` are
    then those who are found elsewhere.
    """

    system: str
    platform: str
    account: str = ""
    name: str = ""
    zone: str = ""
    users: tuple[User, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    groups: tuple[Group, ...] = ()
    resources: tuple[Resource, ...] = ()
    associations: tuple[Association, ...] = ()
    types: tuple[AppointmentType, ...] = ()
    findings: tuple[CheckResult, ...] = ()
    users_listed: bool = True

    @property
    def opened(self) -> bool:
        """Whether anything could be read; if not, the findings say why."""
        return not any(f.level == "error" for f in self.findings)


class PartialReader:
    """Reads a tree part by part: a part that cannot be read is told, and the others still count.

    ``explain`` makes the finding of a fault, given what was being read.
    """

    def __init__(
        self, told: OnProgress, explain: Callable[[str, PlatformError], CheckResult]
    ) -> None:
        """Start with nothing read."""
        self._told = told
        self._explain = explain
        self.findings: list[CheckResult] = []

    async def read(self, what: str, asked: Awaitable[T], otherwise: T) -> T:
        """Wait for a part; ``otherwise`` where it fails."""
        self._told(what)
        try:
            with contained("", what):
                return await asked
        except PlatformError as fault:
            self.findings.append(self._explain(what, fault))
            return otherwise
