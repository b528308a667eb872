"""What a system has besides calendars: rooms that close them, and contacts to tie bookings to.

Only LeadConnector v2 has either. Its adapter is asked through `BreakerSystem`: not while it rests,
and the present one, when its credentials were renewed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from syncd.config.settings import AssociationsSettings, LeadConnectorSystem, Settings
from syncd.engine.breaker import BreakerSystem
from syncd.engine.contact_links import ContactLinks, LinkIds
from syncd.engine.resource_blocks import ResourceBlocks
from syncd.engine.supervise import supervised
from syncd.model import BlockTarget, Clock, Person
from syncd.store.store import Store
from syncd.systems.findings import run_check
from syncd.systems.leadconnector import LeadConnector
from syncd.systems.leadconnector.associations import Associations
from syncd.systems.port import CheckResult, System


@dataclass(frozen=True, slots=True)
class LocationRooms:
    """The rooms of a location (`engine.resource_blocks.ResourceHost`)."""

    name: str
    system: BreakerSystem

    async def block_targets(self, also: Collection[str]) -> Sequence[BlockTarget]:
        """See `LeadConnector.block_targets`. Raises PlatformError, also while the system rests."""
        with supervised(self.name, "doors"):
            return await (await _adapter(self.system)).block_targets(also)


@dataclass(frozen=True, slots=True)
class LocationContacts:
    """The contacts of a location (see `ContactDirectory`). All raise PlatformError."""

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
        said = self.settings
        return (await _adapter(self.system)).contact_directory(said.key, said.object, said.field)


async def _adapter(attended: BreakerSystem) -> LeadConnector:
    adapter = await attended.unwrap()
    if not isinstance(adapter, LeadConnector):
        message = f"{attended.name} has neither rooms nor contacts"
        raise TypeError(message)
    return adapter


def resource_blocks(
    resources: Mapping[str, str], systems: Mapping[str, BreakerSystem], store: Store, clock: Clock
) -> tuple[ResourceBlocks, ...]:
    """What rooms and equipment close; ``resources`` tells the system that each of them is in."""
    houses = sorted(set(resources.values()))
    return tuple(
        ResourceBlocks(LocationRooms(name, systems[name]), store, clock) for name in houses
    )


async def check_contact_links(
    settings: Settings, systems: Mapping[str, System]
) -> list[CheckResult]:
    """Look whether each association that is switched on is there. A fault is a finding."""
    found: list[CheckResult] = []
    for name, said in sorted(settings.systems.items()):
        adapter = systems.get(name)
        if (
            isinstance(said, LeadConnectorSystem)
            and said.associations.on
            and isinstance(adapter, LeadConnector)
        ):
            of = said.associations
            found += await run_check(
                name, _check(adapter.contact_directory(of.key, of.object, of.field))
            )
    return found


async def _check(registry: Associations) -> list[CheckResult]:
    return [await registry.check()]


def contact_links(
    settings: Settings, systems: Mapping[str, BreakerSystem]
) -> tuple[ContactLinks, ...]:
    """What ties bookings to contacts, for each system where that is switched on."""
    return tuple(
        ContactLinks(LocationContacts(name, systems[name], system.associations))
        for name, system in sorted(settings.systems.items())
        if name in systems and isinstance(system, LeadConnectorSystem) and system.associations.on
    )
