"""The resource-derived calendars of all systems with rooms, read like additional systems."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from syncd.engine.contact_links import ContactLinks
from syncd.engine.observation import Observation
from syncd.engine.reading import observe
from syncd.engine.resource_blocks import ResourceBlocks
from syncd.engine.supervise import supervised
from syncd.engine.system_tasks import SystemTasks
from syncd.engine.write_pauses import WritePauses
from syncd.model import Clock, Window
from syncd.store.store import Store
from syncd.systems.port import PlatformError, System

ProviderSystems = Mapping[str, Sequence[str]]
"""The systems of each provider."""


@dataclass(slots=True)
class ResourceSources:
    """The resource blocks and contact links of all systems with rooms.

    ``quantities`` is how many units of a provider there are, if it is equipment.
    """

    blocks: Sequence[ResourceBlocks] = ()
    quantities: dict[str, int] = field(default_factory=dict)
    contact_links: Sequence[ContactLinks] = ()
    unknown: dict[str, str] = field(default_factory=dict)
    """The systems whose block targets could not be read yet, with the cause."""
    unmapped: set[str] = field(default_factory=set)
    """Block targets that are no configured providers: only their rooms are known."""

    async def refresh(
        self, mapping: ProviderSystems, tasks: SystemTasks
    ) -> tuple[ProviderSystems, set[str]]:
        """Look up the block targets; return the mapping with them, and the providers that are new.

        If a system does not answer, its last known targets stay.
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
        """Return the chosen providers, and the calendars that rooms among them can block."""
        targets = {target for source in self.blocks for target in source.targets_of(chosen)}
        return sorted({*chosen, *targets})

    def get(self, name: str) -> ResourceBlocks:
        """Return the resource blocks of this name. Raises StopIteration if there are none."""
        return next(source for source in self.blocks if source.name == name)

    def update_quantities(self, seen: Sequence[Observation]) -> set[str]:
        """Store the number of units of each provider; return the providers whose number changed."""
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
        """Link bookings to contacts; a late system continues in the background."""
        for source in self.contact_links:
            call = partial(source.sync, systems, store, clock, pauses)
            with suppress(PlatformError):
                await tasks.ask(source.directory.name, "links", call, urgent=False)

    async def observe(
        self, store: Store, clock: Clock, window: Window, chosen: Collection[str]
    ) -> tuple[dict[str, Observation], list[str]]:
        """Compute the blocked spans; return the observations by name, and their providers."""
        targets = sorted(set(chosen) & {p for source in self.blocks for p in source.providers})
        seen = [await observe(source, store, clock, window, targets) for source in self.blocks]
        return {o.system: o for o in seen}, targets
