"""The protocol of provisioning: list, create, update and remove resources on a platform.

Used by `syncd provision`. A resource is identified by its name, because no platform promises an id
in its responses (docs/platforms/leadconnector-v2.md#rooms-and-equipment). Its fields are those of
the configuration; each adapter converts them to the platform's fields, and converts names of
calendars, users and teams to ids.
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
    """The types of resources in the order of creation: later types refer to earlier ones."""

    BUSY_TYPE = "busy-type"
    OBJECT = "object"
    ASSOCIATION = "association"
    TEAM = "team"
    SERVICE = "service"
    ROOM = "room"
    EQUIPMENT = "equipment"


@dataclass(frozen=True, slots=True)
class Desired:
    """One resource that the configuration requires in one system."""

    system: str
    sort: ResourceType
    name: str
    fields: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Actual:
    """One resource as the platform shows it; ``id`` is "" if the platform sends none.

    ``fields`` are those that can be compared with the desired fields; ``raw`` is the row as sent,
    for the adapter.
    """

    sort: ResourceType
    name: str
    id: str = ""
    fields: Fields = field(default_factory=dict)
    raw: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """The request that would be sent to create or update a resource; a dry run shows it."""

    method: str
    path: str
    body: Fields | None = None


class UnresolvedError(Exception):
    """A name in a resource's fields matches nothing in its system, or several things."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Keep the reason, and the remedy for the operator."""
        super().__init__(f"{reason}. {remedy}")
        self.reason = reason
        self.remedy = remedy


class Provisioner(Protocol):
    """The resources of one account on one platform.

    - ``fixed``: fields that cannot be changed after creation.
    - ``replaces``: types whose update replaces the whole record.
    - ``undeletable``: types that the API cannot delete.
    - ``facts``: the learned limits of the account.
    """

    name: str
    facts: FactStore
    fixed: Mapping[ResourceType, Collection[str]]
    replaces: Collection[ResourceType]
    undeletable: Collection[ResourceType]

    async def list_actual(self, sort: ResourceType, names: Collection[str]) -> Sequence[Actual]:
        """List the existing resources of a type, at least those with these names.

        Raises PlatformError.
        """
        ...

    async def read(self, sort: ResourceType, id: str) -> Actual | None:
        """Read one resource by its id; None if it does not exist or if no call can read it.

        Raises PlatformError.
        """
        ...

    async def resolve(
        self, thing: Desired, coming: Collection[tuple[ResourceType, str]]
    ) -> Desired:
        """Return the resource with ids in place of names.

        ``coming`` are resources that will be created before this one, so that their names are valid
        although they have no id yet. Raises UnresolvedError or PlatformError.
        """
        ...

    def request(self, thing: Desired, existing: Actual | None) -> Request:
        """Return the request that creates a resource, or updates the ``existing`` one."""
        ...

    async def blocker(self, thing: Desired, existing: Actual | None) -> str:
        """Return what the operator must do before the request can be sent; '' if nothing.

        Raises PlatformError.
        """
        ...

    async def put(self, thing: Desired, existing: Actual | None) -> None:
        """Create the resource, or update the ``existing`` one; sent at most once.

        Raises PlatformError.
        """
        ...

    async def remove(self, existing: Actual) -> None:
        """Remove a resource; succeed if it is already gone. Raises PlatformError."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
