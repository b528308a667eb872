"""Connect the rooms, equipment and contacts of LeadConnector v2 locations to the engine.

Calls go through `BreakerSystem`: none while the circuit breaker is open, and always to the current
adapter, also after new credentials.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from syncd.config.settings import AssociationsSettings, LeadConnectorSystem, Settings
from syncd.engine.resources.blocks import ResourceBlocks
from syncd.engine.resources.contact_links import ContactLinks, LinkIds
from syncd.engine.tasks.breaker import BreakerSystem
from syncd.engine.tasks.supervise import supervised
from syncd.model import BlockTarget, Clock, Person
from syncd.store.store import Store
from syncd.systems.findings import run_check
from syncd.systems.leadconnector import LeadConnector
from syncd.systems.leadconnector.associations import Associations
from syncd.systems.port import CheckResult, System


@dataclass(frozen=True, slots=True)
class LocationRooms:
    """The rooms and equipment of a location.

    Implements `engine.resources.blocks.ResourceHost`.
    """

    name: str
    system: BreakerSystem

    async def block_targets(self, also: Collection[str]) -> Sequence[BlockTarget]:
        """See `LeadConnector.block_targets`. Raises PlatformError; so does an open breaker."""
        with supervised(self.name, "doors"):
            return await (await _adapter(self.system)).block_targets(also)


@dataclass(frozen=True, slots=True)
class LocationContacts:
    """The contacts of a location (see `ContactDirectory`). All methods raise PlatformError."""

    name: str
    system: BreakerSystem
    settings: AssociationsSettings

    async def contact(self, person: Person) -> str:
        """See `Associations.contact`."""
        return await (await self._registry()).contact(person)

    async def link(self, contact: str, booking: str) -> LinkIds:
        """See `Associations.link`."""
        return await (await self._registry()).link(contact, booking)

    async def unlink(self, booking: str, record: str, relation: str) -> None:
        """See `Associations.unlink`."""
        await (await self._registry()).unlink(booking, record, relation)

    async def _registry(self) -> Associations:
        keys = self.settings
        return (await _adapter(self.system)).contact_directory(keys.key, keys.object, keys.field)


async def _adapter(system: BreakerSystem) -> LeadConnector:
    adapter = await system.unwrap()
    if not isinstance(adapter, LeadConnector):
        message = f"{system.name} has neither rooms nor contacts"
        raise TypeError(message)
    return adapter


def resource_blocks(
    resources: Mapping[str, str], systems: Mapping[str, BreakerSystem], store: Store, clock: Clock
) -> tuple[ResourceBlocks, ...]:
    """Make the resource blocks of each location; ``resources`` is each resource's system."""
    locations = sorted(set(resources.values()))
    return tuple(
        ResourceBlocks(LocationRooms(name, systems[name]), store, clock) for name in locations
    )


async def check_contact_links(
    settings: Settings, systems: Mapping[str, System]
) -> list[CheckResult]:
    """Check that each enabled association exists. A fault becomes a check result."""
    results: list[CheckResult] = []
    for name, system in sorted(settings.systems.items()):
        adapter = systems.get(name)
        if (
            isinstance(system, LeadConnectorSystem)
            and system.associations.on
            and isinstance(adapter, LeadConnector)
        ):
            keys = system.associations
            directory = adapter.contact_directory(keys.key, keys.object, keys.field)
            results += await run_check(name, _check(directory))
    return results


async def _check(registry: Associations) -> list[CheckResult]:
    return [await registry.check()]


def contact_links(
    settings: Settings, systems: Mapping[str, BreakerSystem]
) -> tuple[ContactLinks, ...]:
    """Make the contact links of each system with enabled associations."""
    return tuple(
        ContactLinks(LocationContacts(name, systems[name], system.associations))
        for name, system in sorted(settings.systems.items())
        if name in systems and isinstance(system, LeadConnectorSystem) and system.associations.on
    )
