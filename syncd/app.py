"""The composition root: build systems, store and engine from settings, for `cli` and `daemon`.

Real time and real randomness come from here; all other code gets them passed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

import httpx

from syncd.accounts import build_systems, clock_of, credential_refresh, secrets_of
from syncd.cleanup_access import open_cleanup
from syncd.cleanup_settings import remember_settings
from syncd.config.mapping_digest import mapping_digests
from syncd.config.overrides import rules_of
from syncd.config.settings import (
    LeadConnectorCalendar,
    LeadConnectorSystem,
    LeadConnectorV1System,
    LeadSquaredSystem,
    Settings,
)
from syncd.core.availability.free import FreeSearch
from syncd.core.inputs import GuardLimits
from syncd.core.merging.rules import Rules
from syncd.core.ownership.cleanup import CleanupScope
from syncd.engine.cleanup.context import Cleaner, CleanupContext
from syncd.engine.deciding.customer_lookup import CustomerLookup
from syncd.engine.engine import Engine
from syncd.engine.policy import EnginePolicy, IdSource
from syncd.engine.resources.sources import ResourceSources
from syncd.engine.tasks.breaker import BreakerSystem
from syncd.machine import RealClock, random_id, random_key, random_secret
from syncd.model import Clock, Hours, Operation
from syncd.resource_adapters import contact_links, resource_blocks
from syncd.store.store import Store
from syncd.systems import leadconnector, leadconnector_v1, leadsquared
from syncd.systems.open_files import expect_open_files
from syncd.systems.stopping import Stopping


@dataclass(frozen=True, slots=True)
class App:
    """A configured syncd: settings, systems, store and engine."""

    settings: Settings
    systems: Mapping[str, BreakerSystem]
    store: Store
    engine: Engine

    def reset_backoff(self) -> None:
        """Close every circuit breaker, so that the next cycle asks every system."""
        for system in self.systems.values():
            system.reset_backoff()

    async def aclose(self) -> None:
        """Close the connections and the state."""
        await self.close_systems()
        self.store.close()

    async def close_systems(self) -> None:
        """Close the connections only: another engine takes over the state."""
        await self.engine.aclose()
        await asyncio.gather(*(system.aclose() for system in self.systems.values()))


def build(
    settings: Settings,
    *,
    store: Store | None = None,
    clock: Clock | None = None,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
    ids: IdSource | None = None,
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None,
    stopping: Stopping | None = None,
) -> App:
    """Build the systems and the engine; open the state for writing unless ``store`` is given.

    ``transports`` replaces the network, by system name. ``stopping`` stops the app; an app that
    replaces another one gets that one's. Raises StateError, and OSError if the limit of open files
    is too low.
    """
    if transports is None:
        expect_open_files(len(settings.systems))
    clock, stopping = clock or RealClock(), stopping or Stopping()
    state = store or Store.open(settings.syncd.state_path)
    remember_settings(settings, state, clock)
    systems = {
        name: BreakerSystem(
            system,
            state,
            clock,
            secrets_of(settings.systems[name]),
            credential_refresh(settings, name, clock, transports, stopping),
        )
        for name, system in build_systems(settings, clock, transports, stopping).items()
    }
    engine = Engine(
        systems=systems,
        mapping={name: tuple(sorted(p.calendars)) for name, p in settings.providers.items()},
        store=state,
        clock=clock,
        ids=ids or IdSource(row=random_id, key=random_key),
        # Hashes of customers never outlive the process, so their key does not have to either.
        customers=CustomerLookup(random_secret()),
        policy=policy_of(settings),
        stopping=stopping,
        on_write=on_write,
        # Resource blocks are not a system: nothing is written to them.
        why_suspended=lambda name: systems[name].writes_suspended() if name in systems else None,
        mapped=mapping_digests(settings),
        resources=ResourceSources(
            resource_blocks(resources_of(settings), systems, state, clock),
            contact_links=contact_links(settings, systems),
        ),
        cleaner=_cleaner(settings, clock, transports, ids, stopping),
    )
    return App(settings, systems, state, engine)


def _cleaner(
    settings: Settings,
    clock: Clock,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None,
    ids: IdSource | None,
    stopping: Stopping,
) -> Cleaner:
    """Return a function that opens the systems of a cleanup, beside the engine."""

    def opened(scope: CleanupScope, store: Store) -> AbstractAsyncContextManager[CleanupContext]:
        return open_cleanup(
            settings,
            store,
            scope,
            clock=clock,
            transports=transports,
            ids=ids,
            stopping=stopping,
        )

    return opened


def resources_of(settings: Settings) -> dict[str, str]:
    """Return the system of each provider that is a room or equipment of a system."""
    return {
        provider: system
        for provider, p in settings.providers.items()
        for system, calendar in p.calendars.items()
        if isinstance(calendar, LeadConnectorCalendar) and calendar.resource
    }


def ignored_block_remedy(settings: Settings, system: str) -> str:
    """Return the remedy for a block of syncd that does not close its time in a system."""
    match settings.systems.get(system):
        case LeadSquaredSystem(busy_task_type=busy):
            return leadsquared.REMEDY.format(type=busy)
        case LeadConnectorSystem():
            return leadconnector.REMEDY
        case LeadConnectorV1System():
            return leadconnector_v1.REMEDY
        case None:
            return "it is no longer in the configuration"


def provider_rules(settings: Settings, provider: str) -> Rules:
    """Return the rules of one provider, including its search for a free time."""
    rules, own = settings.rules, settings.providers[provider]
    hours = settings.syncd.hours if own.hours is None else own.hours
    search = FreeSearch(
        rules.next_free.within, rules.next_free.step, Hours(hours, own.zone or settings.syncd.zone)
    )
    return replace(rules_of(rules, provider), search=search)


def policy_of(settings: Settings) -> EnginePolicy:
    """Return the configured rules, limits and intervals of the engine."""
    general = settings.syncd
    return EnginePolicy(
        rules={name: provider_rules(settings, name) for name in settings.providers},
        capacity={name: provider.capacity for name, provider in settings.providers.items()},
        limits=GuardLimits(
            count=settings.guard.count,
            share=settings.guard.share,
            common=settings.guard.common,
            all=settings.guard.all,
        ),
        past=general.window.past,
        future=general.window.future,
        ahead=general.near.ahead,
        longest=general.longest,
        near_every=general.near.every,
        far_every=general.far.every,
        slots_every=general.slots.every,
        keep=general.history.keep,
        places=settings.places,
        resources=resources_of(settings),
        observe=general.mode == "observe",
        clocks={name: clock_of(system) for name, system in settings.systems.items()},
        read_only=frozenset(
            (provider, system)
            for provider, p in settings.providers.items()
            for system, calendar in p.calendars.items()
            if not calendar.write
        ),
    )
