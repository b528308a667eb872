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

    from syncd.systems.facts import FactStore

Fields = dict[str, Any]
"""JSON values by field name."""


class ResourceType(StrEnum):
    """The sorts of things, in the order in which they are made: later ones refer to earlier."""

    BUSY_TYPE = "busy-type"
    OBJECT = "object"
    ASSOCIATION = "association"
    TEAM = "team"
    SERVICE = "service"
    ROOM = "room"
    EQUIPMENT = "equipment"


@dataclass(frozen=True, slots=True)
class Desired:
    """One thing that the configuration wants in one system."""

    system: str
    sort: ResourceType
    name: str
    fields: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Actual:
    """One thing as the platform shows it; ``id`` is "" where it tells none.

    ``fields`` holds just those that can be compared with what was asked for; ``raw`` is the row
    itself, for the platform's own use.
    """

    sort: ResourceType
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


class UnresolvedError(Exception):
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
    - ``undeletable``: sorts that no API takes away.
    - ``facts``: what is known of the account's limits, and what was learned of them.
    """

    name: str
    facts: FactStore
    fixed: Mapping[ResourceType, Collection[str]]
    replaces: Collection[ResourceType]
    undeletable: Collection[ResourceType]

    async def list_actual(self, sort: ResourceType, names: Collection[str]) -> Sequence[Actual]:
        """List the things of a sort, at least those with these names. Raises PlatformError."""
        ...

    async def read(self, sort: ResourceType, id: str) -> Actual | None:
        """Read one thing by its id; None if it is not there, or if no call tells.

        Raises PlatformError.
        """
        ...

    async def resolve(
        self, thing: Desired, coming: Collection[tuple[ResourceType, str]]
    ) -> Desired:
        """Put ids for names; ``coming`` are things that will be made before this one.

        Raises UnresolvedError, PlatformError.
        """
        ...

    def request(self, thing: Desired, existing: Actual | None) -> Request:
        """What creates the thing, or (given the existing one) brings it up to date."""
        ...

    async def blocker(self, thing: Desired, existing: Actual | None) -> str:
        """What a person has to do before this can be sent; '' if nothing. Raises PlatformError."""
        ...

    async def put(self, thing: Desired, existing: Actual | None) -> None:
        """Send that request, once. Raises PlatformError."""
        ...

    async def remove(self, existing: Actual) -> None:
        """Take a thing away; one that is gone already is no fault. Raises PlatformError."""
        ...

    async def aclose(self) -> None:
        """Give back the connections."""
        ...
