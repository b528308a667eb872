"""The composition root: build systems, store and engine from settings, for `cli` and `daemon`.

Real time and real randomness come from here; all other code gets them passed in.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import httpx

from syncd.cleanup_settings import remember_settings
from syncd.config.load import load
from syncd.config.mapping_digest import mapping_digests
from syncd.config.overrides import rules_of
from syncd.config.problems import ConfigError
from syncd.config.secrets import Secret
from syncd.config.settings import (
    CalendarSettings,
    LeadConnectorCalendar,
    LeadConnectorSystem,
    LeadConnectorV1Calendar,
    LeadConnectorV1System,
    LeadSquaredCalendar,
    LeadSquaredSystem,
    Settings,
    SystemSettings,
)
from syncd.core.cleanup import CleanupScope
from syncd.core.free_intervals import FreeSearch
from syncd.core.inputs import GuardLimits
from syncd.core.rules import Rules
from syncd.engine.breaker import BreakerSystem, CredentialRefresh
from syncd.engine.cleanup_context import Cleaner, CleanupContext
from syncd.engine.customer_lookup import CustomerLookup
from syncd.engine.engine import Engine
from syncd.engine.policy import EnginePolicy, IdSource
from syncd.engine.resource_sources import ResourceSources
from syncd.model import Clock, Hours, Operation
from syncd.model.all_day import BUSY, AllDay, AllDayRule
from syncd.resource_adapters import contact_links, resource_blocks
from syncd.store.store import Store
from syncd.systems import leadconnector, leadconnector_v1, leadsquared
from syncd.systems.open_files import expect_open_files
from syncd.systems.port import System
from syncd.systems.provisioning import Provisioner
from syncd.systems.stopping import Stopping
from syncd.systems.transport import network

Adapter = leadsquared.LeadSquared | leadconnector.LeadConnector | leadconnector_v1.LeadConnectorV1


class RealClock:
    """The clock of the host."""

    def now(self) -> datetime:
        """Return the current time (UTC)."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return a time in seconds that never decreases."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        await asyncio.sleep(seconds)


def random_id() -> str:
    """Make a random id for a row: 12 letters and digits."""
    return base64.b32encode(secrets.token_bytes(8)).decode().rstrip("=").lower()[:12]


def random_key() -> str:
    """Make a random key for a block's tag (50 bits), as `model.find_tag` finds it."""
    return base64.b32encode(secrets.token_bytes(7)).decode().lower()[:10]


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
            _credential_refresh(settings, name, clock, transports, stopping),
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
        customers=CustomerLookup(secrets.token_bytes(32)),
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
        from syncd.cleanup_access import open_cleanup  # noqa: PLC0415 - it imports this module

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


def build_systems(
    settings: Settings,
    clock: Clock,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
    stopping: Stopping | None = None,
) -> dict[str, System]:
    """Build the adapter of each system that is mapped to at least one provider."""
    adapters: dict[str, System] = {}
    for name, system in settings.systems.items():
        mapped = {
            provider: p.calendars[name]
            for provider, p in settings.providers.items()
            if name in p.calendars
        }
        if mapped:
            transport = (transports or {}).get(name) or network(settings.syncd.ca_file)
            rules = {provider: all_day_rule(settings, provider, name) for provider in mapped}
            adapters[name] = _adapter(name, system, mapped, clock, transport, rules, stopping)
    return adapters


def all_day_rule(settings: Settings, provider: str, system: str) -> AllDayRule:
    """Return the all-day rule of a provider in a system; the most specific policy wins.

    If no working hours are configured, all-day events close the whole day. Working hours without a
    zone are wall time of the location.
    """
    general, own = settings.syncd, settings.providers[provider]
    policy = own.all_day or settings.systems[system].all_day or general.all_day
    spans = general.hours if "hours" in general.model_fields_set else ()
    zone_name = general.zone if "zone" in general.model_fields_set else ""
    hours = Hours(spans if own.hours is None else own.hours, own.zone or zone_name)
    return AllDayRule(policy, hours) if policy is not AllDay.BUSY else BUSY


def secrets_of(system: SystemSettings) -> list[str]:
    """Return the credentials of a system in clear text."""
    return [value.reveal() for _, value in system if isinstance(value, Secret)]


def _credential_refresh(
    settings: Settings,
    name: str,
    clock: Clock,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None,
    stopping: Stopping,
) -> CredentialRefresh:
    """Return a function that reads a system's credentials again and builds a new adapter.

    It returns None if the credentials have not changed.
    """
    current = settings.systems[name]

    def refresh() -> tuple[Sequence[str], System] | None:
        nonlocal current
        if settings.path is None:
            return None
        try:
            loaded = load(settings.path, os.environ).systems.get(name)
        except ConfigError:  # the file is probably being edited
            return None
        if loaded is None or loaded.type != current.type:
            return None
        if secrets_of(loaded) == secrets_of(current):
            return None
        # Only the secrets: other changes are applied by a reload of the whole configuration.
        current = current.model_copy(update={k: v for k, v in loaded if isinstance(v, Secret)})
        new = replace(settings, systems={name: current})
        return secrets_of(current), build_systems(new, clock, transports, stopping)[name]

    return refresh


def unmapped_adapters(
    systems: Mapping[str, SystemSettings],
    clock: Clock,
    ca_file: str | None = None,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
) -> dict[str, Adapter]:
    """Build the adapter of each system without any mapping, to list its users and calendars."""
    return {
        name: _adapter(name, system, {}, clock, (transports or {}).get(name) or network(ca_file))
        for name, system in systems.items()
    }


def _adapter(
    name: str,
    system: SystemSettings,
    mapped: Mapping[str, CalendarSettings],
    clock: Clock,
    transport: httpx.AsyncBaseTransport | None,
    all_day: Mapping[str, AllDayRule] = MappingProxyType({}),
    stopping: Stopping | None = None,
) -> Adapter:
    account = _account(system)
    match system:
        case LeadSquaredSystem():
            return leadsquared.LeadSquared(
                name,
                leadsquared.Account(**account),
                {
                    provider: leadsquared.CalendarMapping(c.user)
                    for provider, c in mapped.items()
                    if isinstance(c, LeadSquaredCalendar)
                },
                clock,
                transport=transport,
                stopping=stopping,
            )
        case LeadConnectorSystem():
            return leadconnector.LeadConnector(
                name,
                leadconnector.Account(**account),
                {
                    provider: leadconnector.CalendarMapping(
                        c.user, c.calendars, c.resource, all_day.get(provider, BUSY)
                    )
                    for provider, c in mapped.items()
                    if isinstance(c, LeadConnectorCalendar)
                },
                clock,
                transport=transport,
                stopping=stopping,
            )
        case LeadConnectorV1System():
            return leadconnector_v1.LeadConnectorV1(
                name,
                leadconnector_v1.Account(**account),
                {
                    provider: leadconnector_v1.CalendarMapping(
                        c.calendar, c.user, c.team, all_day.get(provider, BUSY)
                    )
                    for provider, c in mapped.items()
                    if isinstance(c, LeadConnectorV1Calendar)
                },
                clock,
                transport=transport,
                stopping=stopping,
            )


def build_provisioners(
    settings: Settings,
    clock: Clock,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
) -> dict[str, Provisioner]:
    """Build the provisioner of each system, mapped or not."""
    provisioners: dict[str, Provisioner] = {}
    for name, system in settings.systems.items():
        account = _account(system)
        transport = (transports or {}).get(name) or network(settings.syncd.ca_file)
        match system:
            case LeadSquaredSystem():
                provisioners[name] = leadsquared.Provisioner(
                    name, leadsquared.Account(**account), clock, transport=transport
                )
            case LeadConnectorSystem():
                provisioners[name] = leadconnector.Provisioner(
                    name, leadconnector.Account(**account), clock, transport=transport
                )
            case LeadConnectorV1System():
                provisioners[name] = leadconnector_v1.Provisioner(
                    name, leadconnector_v1.Account(**account), clock, transport=transport
                )
    return provisioners


def _account(system: SystemSettings) -> dict[str, Any]:
    """Return the arguments of an adapter's ``Account``."""
    excluded = {"type", "associations", "all_day"}
    return {key: _revealed(value) for key, value in system if key not in excluded}


def _revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


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


def clock_of(system: SystemSettings) -> str:
    """Return the name of a system's server clock: accounts at one address share it."""
    return f"{system.type} {urlsplit(system.base_url).netloc}"


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
