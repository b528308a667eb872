"""Opens what a cleanup works with: adapters of its own, also for what left the configuration.

They keep to the limits that the state knows. Beside a running engine on the same state, the calls
of the last window count as made, and a window passes before that engine goes on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import httpx

from syncd.cleaning import find_users, mapping_of, open_doors, put_aside, reach
from syncd.config.settings import Settings
from syncd.core.cleanup import Scope
from syncd.engine.attend import Attended
from syncd.engine.cleanup_job import Cleaning
from syncd.engine.policy import Ids
from syncd.model import Clock, Operation
from syncd.store.store import Store
from syncd.systems.stopping import Stopping
from syncd.wiring import RealClock, build_systems, open_accounts, random_id, random_key, secrets_of


@asynccontextmanager
async def open_cleaning(
    settings: Settings,
    store: Store,
    scope: Scope,
    *,
    clock: Clock | None = None,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
    ids: Ids | None = None,
    stopping: Stopping | None = None,
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None,
) -> AsyncIterator[Cleaning]:
    """Open the systems of a scope, and close them afterwards. Raises StateError."""
    clock, stopping = clock or RealClock(), stopping or Stopping()
    put_aside(settings, store, clock)
    reached = reach(settings, store, scope)
    asked = {s: reached.settings.systems[s] for _, s in reached.left}
    accounts = open_accounts(asked, clock, settings.syncd.ca_file, transports)
    try:
        await find_users(reached, accounts)
    finally:
        for account in accounts.values():
            await account.aclose()
    whole = reached.settings
    systems = {
        name: Attended(system, store, clock, secrets_of(whole.systems[name]))
        for name, system in build_systems(whole, clock, transports, stopping).items()
        if ("", name) not in reached.barred
    }
    for system in systems.values():
        system.insist()
    try:
        await open_doors(reached, systems)
        yield Cleaning(
            systems=systems,
            mapping=mapping_of(reached),
            store=store,
            clock=clock,
            ids=ids or Ids(row=random_id, key=random_key),
            stopping=stopping,
            scope=scope,
            configured=frozenset(
                (name, system)
                for name, said in settings.providers.items()
                for system in said.calendars
            ),
            zones=reached.zones,
            aliases=reached.aliases,
            barred=reached.barred,
            ahead=settings.syncd.window.future,
            on_write=on_write,
            zone=settings.syncd.zone,
            observe=settings.syncd.mode == "observe",
        )
    finally:
        for system in systems.values():
            await system.aclose()
