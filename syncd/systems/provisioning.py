"""What provisioning asks of a platform: list things, make them, change them, take them away.

A thing is named by what a person calls it, since no platform promises an id in its answers
(docs/platforms/leadconnector-v2.md#rooms-and-equipment). Its fields are in the configuration's
words; each platform's own package turns them into its wire, and names of calendars, users and teams
into ids.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from syncd.systems.facts import Facts

Fields = dict[str, Any]
"""JSON values by field name."""


class Sort(StrEnum):
    """The sorts of things, in the order in which they are made: later ones refer to earlier."""

    BUSY_TYPE = "busy-type"
    OBJECT = "object"
    ASSOCIATION = "association"
    TEAM = "team"
    SERVICE = "service"
    ROOM = "room"
    EQUIPMENT = "equipment"


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that the configuration wants in one system."""

    system: str
    sort: Sort
    name: str
    fields: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Existing:
    """One thing as the platform shows it; ``id`` is "" where it tells none.

    ``fields`` holds just those that can be compared with what was asked for; ``raw`` is the row
    itself, for the platform's own use.
    """

    sort: Sort
    name: str
    id: str = ""
    fields: Fields = field(default_factory=dict)
    raw: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What would be sent, for a dry run to show."""

    method: str
    path: str
    body: Fields | None = None


class Unresolved(Exception):  # noqa: N818 - it says what a person wrote
    """A name in a thing's fields means nothing in its system, or more than one thing there."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Say what is wrong, and what to write instead."""
        super().__init__(f"{reason}. {remedy}")
        self.reason = reason
        self.remedy = remedy


class Provisioner(Protocol):
    """The things of one account on one platform.

    - ``fixed``: fields that cannot be changed once a thing is there.
    - ``replaces``: sorts whose update puts what is sent in place of everything that was there.
    - ``kept``: sorts that no API takes away.
    - ``facts``: what is known of the account's limits, and what was learned of them.
    """

    name: str
    facts: Facts
    fixed: Mapping[Sort, Collection[str]]
    replaces: Collection[Sort]
    kept: Collection[Sort]

    async def look(self, sort: Sort, names: Collection[str]) -> Sequence[Existing]:
        """List the things of a sort, at least those with these names. Raises SystemFault."""
        ...

    async def read(self, sort: Sort, id: str) -> Existing | None:
        """Read one thing by its id; None if it is not there, or if no call tells.

        Raises SystemFault.
        """
        ...

    async def resolve(self, thing: Thing, coming: Collection[tuple[Sort, str]]) -> Thing:
        """Put ids for names; ``coming`` are things that will be made before this one.

        Raises Unresolved, SystemFault.
        """
        ...

    def request(self, thing: Thing, existing: Existing | None) -> Request:
        """What creates the thing, or (given the existing one) brings it up to date."""
        ...

    async def obstacle(self, thing: Thing, existing: Existing | None) -> str:
        """What a person has to do before this can be sent; '' if nothing. Raises SystemFault."""
        ...

    async def put(self, thing: Thing, existing: Existing | None) -> None:
        """Send that request, once. Raises SystemFault."""
        ...

    async def remove(self, existing: Existing) -> None:
        """Take a thing away; one that is gone already is no fault. Raises SystemFault."""
        ...

    async def aclose(self) -> None:
        """Give back the connections."""
        ...
