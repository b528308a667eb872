"""What a system has besides calendars: rooms that close them, and contacts to tie bookings to.

Only LeadConnector v2 has either. Its adapter is asked through `Attended`: not while it rests, and
the present one, when its credentials were renewed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from syncd.config.settings import AssociationsSettings, LeadConnectorSystem, Settings
from syncd.engine.attend import Attended
from syncd.engine.closures import Closures
from syncd.engine.relate import Related, Ties
from syncd.engine.supervise import supervised
from syncd.model import Clock, Door, Person
from syncd.store.store import Store
from syncd.systems.findings import checked
from syncd.systems.leadconnector import LeadConnector
from syncd.systems.leadconnector.associations import Associations
from syncd.systems.port import Finding, System


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms of a location (`engine.closures.House`)."""

    name: str
    attended: Attended

    async def doors(self, also: Collection[str]) -> Sequence[Door]:
        """See `LeadConnector.doors`. Raises SystemFault, also while the system rests."""
        with supervised(self.name, "doors"):
            return await (await _adapter(self.attended)).doors(also)


@dataclass(frozen=True, slots=True)
class Contacts:
    """The contacts of a location (`engine.relate.Registry`). All raise SystemFault."""

    name: str
    attended: Attended
    said: AssociationsSettings

    async def contact(self, person: Person) -> str:
        """See `Associations.contact`."""
        return await (await self._registry()).contact(person)

    async def tie(self, contact: str, booking: str) -> Related:
        """See `Associations.tie`."""
        return await (await self._registry()).tie(contact, booking)

    async def untie(self, booking: str, record: str, relation: str) -> None:
        """See `Associations.untie`."""
        await (await self._registry()).untie(booking, record, relation)

    async def _registry(self) -> Associations:
        said = self.said
        return (await _adapter(self.attended)).registry(said.key, said.object, said.field)


async def _adapter(attended: Attended) -> LeadConnector:
    adapter = await attended.awake()
    if not isinstance(adapter, LeadConnector):
        message = f"{attended.name} has neither rooms nor contacts"
        raise TypeError(message)
    return adapter


def closures_of(
    resources: Mapping[str, str], systems: Mapping[str, Attended], store: Store, clock: Clock
) -> tuple[Closures, ...]:
    """What rooms and equipment close; ``resources`` tells the system that each of them is in."""
    houses = sorted(set(resources.values()))
    return tuple(Closures(Rooms(name, systems[name]), store, clock) for name in houses)


async def check_ties(settings: Settings, systems: Mapping[str, System]) -> list[Finding]:
    """Look whether each association that is switched on is there. A fault is a finding."""
    found: list[Finding] = []
    for name, said in sorted(settings.systems.items()):
        adapter = systems.get(name)
        if (
            isinstance(said, LeadConnectorSystem)
            and said.associations.on
            and isinstance(adapter, LeadConnector)
        ):
            of = said.associations
            found += await checked(name, _check(adapter.registry(of.key, of.object, of.field)))
    return found


async def _check(registry: Associations) -> list[Finding]:
    return [await registry.check()]


def ties_of(settings: Settings, systems: Mapping[str, Attended]) -> tuple[Ties, ...]:
    """What ties bookings to contacts, for each system where that is switched on."""
    return tuple(
        Ties(Contacts(name, systems[name], system.associations))
        for name, system in sorted(settings.systems.items())
        if name in systems and isinstance(system, LeadConnectorSystem) and system.associations.on
    )
