"""All that rooms close, in all systems that have rooms: sources beside the systems themselves."""

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

Mapped = Mapping[str, Sequence[str]]
"""For each provider the systems that it is kept in."""


@dataclass(slots=True)
class ResourceSources:
    """The closures of each system with rooms, how many there are of each, and ties to contacts."""

    blocks: Sequence[ResourceBlocks] = ()
    quantities: dict[str, int] = field(default_factory=dict)
    contact_links: Sequence[ContactLinks] = ()
    unknown: dict[str, str] = field(default_factory=dict)
    """The systems of which nobody could tell yet what their rooms close, and why."""
    unmapped: set[str] = field(default_factory=set)
    """The doors that are no configured providers: calendars of which only rooms are known."""

    async def refresh(self, mapping: Mapped, lanes: SystemTasks) -> tuple[Mapped, set[str]]:
        """Ask which doors rooms can close; the mapping with them, and those that are new to it.

        Where nobody answers, the last ones stay.
        """
        new: dict[str, Sequence[str]] = {}
        for each in self.blocks:
            try:
                with supervised(each.house, "learning what its rooms close"):
                    learned = await each.refresh(partial(lanes.ask, each.house, "doors"))
            except PlatformError as fault:
                if not each.known:
                    self.unknown[each.house] = str(fault)
                continue
            self.unknown.pop(each.house, None)
            for provider in learned:
                if provider not in mapping:
                    self.unmapped.add(provider)
                before = new.get(provider) or mapping.get(provider, (each.house,))
                if each.name not in before:
                    new[provider] = (*before, each.name)
        return {**mapping, **new}, set(new)

    def with_dependents(self, chosen: Collection[str]) -> list[str]:
        """The chosen providers, and the doors that those of them that are rooms can close."""
        doors = {door for each in self.blocks for door in each.targets_of(chosen)}
        return sorted({*chosen, *doors})

    def named(self, name: str) -> ResourceBlocks:
        """The one of this name. Raises StopIteration if there is none."""
        return next(each for each in self.blocks if each.name == name)

    def update_quantities(self, seen: Sequence[Observation]) -> set[str]:
        """Note how many there are of each; the providers for which that is news."""
        told = {p: n for observation in seen for p, n in observation.units.items()}
        changed = {p for p, n in told.items() if self.quantities.get(p) != n}
        self.quantities.update(told)
        return changed

    async def link(
        self,
        systems: Mapping[str, System],
        store: Store,
        clock: Clock,
        lanes: SystemTasks,
        pauses: WritePauses,
    ) -> None:
        """Tie bookings to contacts; who is late with it goes on in the background."""
        for each in self.contact_links:
            call = partial(each.sync, systems, store, clock, pauses)
            with suppress(PlatformError):
                await lanes.ask(each.directory.name, "ties", call, urgent=False)

    async def observe(
        self, store: Store, clock: Clock, window: Window, chosen: Collection[str]
    ) -> tuple[dict[str, Observation], list[str]]:
        """Work out what is closed; by name, and the chosen providers that it is about."""
        doors = sorted(set(chosen) & {p for each in self.blocks for p in each.providers})
        seen = [await observe(each, store, clock, window, doors) for each in self.blocks]
        return {o.system: o for o in seen}, doors
