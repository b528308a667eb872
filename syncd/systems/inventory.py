"""The inventory of a system that `syncd discover` shows, in one form for all platforms.

The words are those of docs/glossary.md; the docstrings name the platform's word where it differs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from syncd.systems.errors import PlatformError
from syncd.systems.fault_boundary import contained
from syncd.systems.port import CheckResult

T = TypeVar("T")

OnProgress = Callable[[str], None]
"""Called with the name of the part that is being read, to show progress."""


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A member of staff. ``zone`` is an IANA name, '' if the platform sends none."""

    id: str
    name: str = ""
    email: str = ""
    phone: str = ""
    zone: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class CalendarInfo:
    """A bookable calendar on v2, or a service on v1. ``users`` and ``group`` are ids."""

    id: str
    name: str = ""
    type: str = ""
    users: tuple[str, ...] = ()
    group: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A group of calendars: a group on v2, a team on v1. Only a team has ``users`` (ids)."""

    id: str
    name: str = ""
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceInfo:
    """A room, or a type of equipment; ``id`` is '' if the platform sends none."""

    kind: Literal["room", "equipment"]
    name: str
    id: str = ""
    calendars: tuple[str, ...] = ()
    quantity: int | None = None
    out_of_service: int | None = None
    capacity: int | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class AssociationInfo:
    """A relation between two kinds of records; the order of first and second matters."""

    id: str
    key: str
    first_key: str = ""
    first_label: str = ""
    second_key: str = ""
    second_label: str = ""


@dataclass(frozen=True, slots=True)
class AppointmentType:
    """A LeadSquared task type for appointments.

    ``unfit`` lists why the type cannot be used for blocks; empty if it can. ``unknown`` lists
    further requirements that the API does not show.
    """

    id: str
    name: str
    unfit: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemInventory:
    """Everything in one system that the configuration may refer to.

    ``account`` is the id of the location or account and ``name`` its name, each '' if unknown.
    ``findings`` are check results: what could not be read, and what looks wrong. ``users_listed``
    is False if the account's user list is empty: then ``users`` come from teams and may be
    incomplete.
    """

    system: str
    platform: str
    account: str = ""
    name: str = ""
    zone: str = ""
    users: tuple[UserInfo, ...] = ()
    calendars: tuple[CalendarInfo, ...] = ()
    groups: tuple[GroupInfo, ...] = ()
    resources: tuple[ResourceInfo, ...] = ()
    associations: tuple[AssociationInfo, ...] = ()
    types: tuple[AppointmentType, ...] = ()
    findings: tuple[CheckResult, ...] = ()
    users_listed: bool = True

    @property
    def opened(self) -> bool:
        """Whether the system could be read; otherwise ``findings`` says why."""
        return not any(f.level == "error" for f in self.findings)


class PartialReader:
    """Reads an inventory part by part, so that an unreadable part does not stop the others.

    ``explain`` returns the check result for a fault, given the name of the part.
    """

    def __init__(
        self, on_progress: OnProgress, explain: Callable[[str, PlatformError], CheckResult]
    ) -> None:
        """Start without check results. ``on_progress`` is told which part is read."""
        self._on_progress = on_progress
        self._explain = explain
        self.findings: list[CheckResult] = []

    async def read(self, part: str, call: Awaitable[T], default: T) -> T:
        """Await ``call``, which reads a part; return ``default`` if that fails."""
        self._on_progress(part)
        try:
            with contained("", part):
                return await call
        except PlatformError as fault:
            self.findings.append(self._explain(part, fault))
            return default
