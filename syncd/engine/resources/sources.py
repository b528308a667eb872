"""The sources of blocks (`resource_blocks`) of all systems with rooms, and their contact links."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from syncd.engine.reading.observation import Observation
from syncd.engine.reading.observe import observe
from syncd.engine.resources.blocks import ResourceBlocks
from syncd.engine.resources.contact_links import ContactLinks
from syncd.engine.tasks.supervise import supervised
from syncd.engine.tasks.system_tasks import SystemTasks
from syncd.engine.writing.pauses import WritePauses
from syncd.model import Clock, Window
from syncd.store.store import Store
from syncd.systems.errors import PlatformError
from syncd.systems.port import System

ProviderSystems = Mapping[str, Sequence[str]]
"""The names of the systems in which each provider has a calendar."""


@dataclass(slots=True)
class ResourceSources:
    """The sources of resource blocks and the contact links of all systems with rooms.

    ``quantities`` is the number of units of each provider that is a piece of equipment.
    """

    blocks: Sequence[ResourceBlocks] = ()
    quantities: dict[str, int] = field(default_factory=dict)
    contact_links: Sequence[ContactLinks] = ()
    unknown: dict[str, str] = field(default_factory=dict)
    """The systems whose block targets could not be read yet, with the cause."""
    unmapped: set[str] = field(default_factory=set)
    """Block targets that are not in the configuration: only the rooms that they need are known."""

    async def refresh(
        self, mapping: ProviderSystems, tasks: SystemTasks
    ) -> tuple[ProviderSystems, set[str]]:
        """Look up the block targets; return the mapping with them, and the providers added to it.

        If a system does not respond, its last known block targets stay.
        """
        new: dict[str, Sequence[str]] = {}
        for source in self.blocks:
            try:
                with supervised(source.host, "reading its block targets"):
                    providers = await source.refresh(partial(tasks.ask, source.host, "targets"))
            except PlatformError as fault:
                if not source.known:
                    self.unknown[source.host] = str(fault)
                continue
            self.unknown.pop(source.host, None)
            for provider in providers:
                if provider not in mapping:
                    self.unmapped.add(provider)
                systems_before = new.get(provider) or mapping.get(provider, (source.host,))
                if source.name not in systems_before:
                    new[provider] = (*systems_before, source.name)
        return {**mapping, **new}, set(new)

    def with_dependents(self, chosen: Collection[str]) -> list[str]:
        """Return the chosen providers, and the providers whose calendars chosen rooms can block."""
        targets = {target for source in self.blocks for target in source.targets_of(chosen)}
        return sorted({*chosen, *targets})

    def get(self, name: str) -> ResourceBlocks:
        """Return the source with this name. Raises StopIteration if the name is unknown."""
        return next(source for source in self.blocks if source.name == name)

    def update_quantities(self, seen: Sequence[Observation]) -> set[str]:
        """Store the units of each provider that were read; return whose number has changed."""
        counts = {p: n for observation in seen for p, n in observation.units.items()}
        changed = {p for p, n in counts.items() if self.quantities.get(p) != n}
        self.quantities.update(counts)
        return changed

    async def link(
        self,
        systems: Mapping[str, System],
        store: Store,
        clock: Clock,
        tasks: SystemTasks,
        pauses: WritePauses,
    ) -> None:
        """Link bookings to their customers' contacts, in each system that supports contact links.

        If a system does not respond in time, its call continues in the background.
        """
        for source in self.contact_links:
            call = partial(source.sync, systems, store, clock, pauses)
            with suppress(PlatformError):
                await tasks.ask(source.directory.name, "links", call, urgent=False)

    async def observe(
        self, store: Store, clock: Clock, window: Window, chosen: Collection[str]
    ) -> tuple[dict[str, Observation], list[str]]:
        """Compute the blocked spans of the ``chosen`` providers in this window.

        Returns the observations by name of the source, and the providers that are block targets.
        """
        targets = sorted(set(chosen) & {p for source in self.blocks for p in source.providers})
        seen = [await observe(source, store, clock, window, targets) for source in self.blocks]
        return {o.system: o for o in seen}, targets
