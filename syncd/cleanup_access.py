"""Open the systems of a cleanup with adapters of its own, also those that left the configuration.

They respect the rate limits in the state. Beside a running engine, they count the calls of the last
rate-limit window as made, and the engine waits for one window afterwards.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import httpx

from syncd.accounts import build_systems, secrets_of, unmapped_adapters
from syncd.cleanup_settings import (
    add_resource_calendars,
    assign_remapped_blocks,
    mapping_of,
    reachable_settings,
    resolve_users,
)
from syncd.config.settings import Settings
from syncd.core.ownership.cleanup import CleanupScope
from syncd.engine.cleanup.context import CleanupContext
from syncd.engine.policy import IdSource
from syncd.engine.tasks.breaker import BreakerSystem
from syncd.machine import RealClock, random_id, random_key
from syncd.model import Clock, Operation
from syncd.store.store import Store
from syncd.systems.stopping import Stopping


@asynccontextmanager
async def open_cleanup(
    settings: Settings,
    store: Store,
    scope: CleanupScope,
    *,
    clock: Clock | None = None,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
    ids: IdSource | None = None,
    stopping: Stopping | None = None,
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None,
) -> AsyncIterator[CleanupContext]:
    """Open the systems of a scope, and close them afterwards. Raises StateError."""
    clock, stopping = clock or RealClock(), stopping or Stopping()
    assign_remapped_blocks(settings, store, clock)
    reached = reachable_settings(settings, store, scope)
    unmapped = {s: reached.settings.systems[s] for _, s in reached.unmapped}
    accounts = unmapped_adapters(unmapped, clock, settings.syncd.ca_file, transports)
    try:
        await resolve_users(reached, accounts)
    finally:
        for account in accounts.values():
            await account.aclose()
    extended = reached.settings
    systems = {
        name: BreakerSystem(system, store, clock, secrets_of(extended.systems[name]))
        for name, system in build_systems(extended, clock, transports, stopping).items()
        if ("", name) not in reached.unreachable
    }
    for system in systems.values():
        system.reset_backoff()
    try:
        await add_resource_calendars(reached, systems)
        yield CleanupContext(
            systems=systems,
            mapping=mapping_of(reached),
            store=store,
            clock=clock,
            ids=ids or IdSource(row=random_id, key=random_key),
            stopping=stopping,
            scope=scope,
            configured=frozenset(
                (name, system)
                for name, provider in settings.providers.items()
                for system in provider.calendars
            ),
            zones=reached.zones,
            aliases=reached.aliases,
            unreachable=reached.unreachable,
            ahead=settings.syncd.window.future,
            on_write=on_write,
            zone=settings.syncd.zone,
            observe=settings.syncd.mode == "observe",
        )
    finally:
        for system in systems.values():
            await system.aclose()
