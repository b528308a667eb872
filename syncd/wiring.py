"""The composition root: settings become systems, store, engine. Only `cli` and `daemon` use it.

This is also where real time and real randomness come from; everything below is handed them.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

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
from syncd.core.facts import Choice, Limits, Rules
from syncd.engine.annexes import Annexes
from syncd.engine.closures import Closures
from syncd.engine.cycle import Engine
from syncd.engine.persons import Persons
from syncd.engine.policy import Ids, Policy
from syncd.engine.relate import Ties
from syncd.model import Clock, Operation
from syncd.store.store import Store
from syncd.systems import leadconnector, leadconnector_v1, leadsquared
from syncd.systems.port import System
from syncd.systems.provisioning import Provisioner


class RealClock:
    """The host's time."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def random_id() -> str:
    """A new id for a row: 12 letters and digits, easy to read out."""
    return base64.b32encode(secrets.token_bytes(8)).decode().rstrip("=").lower()[:12]


def random_key() -> str:
    """A new key for a block: what `model.find_key` finds, 50 bits of chance."""
    return base64.b32encode(secrets.token_bytes(7)).decode().lower()[:10]


@dataclass(frozen=True, slots=True)
class App:
    """A configured syncd, ready to work."""

    settings: Settings
    systems: Mapping[str, System]
    store: Store
    engine: Engine

    async def aclose(self) -> None:
        """Give back connections and the state."""
        await asyncio.gather(*(system.aclose() for system in self.systems.values()))
        self.store.close()


def build(
    settings: Settings,
    *,
    store: Store | None = None,
    clock: Clock | None = None,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
    ids: Ids | None = None,
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None,
) -> App:
    """Make systems and engine of settings; the state is opened for writing unless one is given.

    ``transports`` replaces the network, by system name. Raises StateError.
    """
    clock = clock or RealClock()
    systems = build_systems(settings, clock, transports)
    state = store or Store.open(settings.syncd.state_path)
    engine = Engine(
        systems=systems,
        mapping={name: tuple(sorted(p.calendars)) for name, p in settings.providers.items()},
        store=state,
        clock=clock,
        ids=ids or Ids(row=random_id, key=random_key),
        # Hashes of persons live no longer than the process, and so need no longer a key.
        persons=Persons(secrets.token_bytes(32)),
        policy=policy_of(settings),
        on_write=on_write,
        annexes=Annexes(
            closures_of(settings, systems, state, clock), ties=ties_of(settings, systems)
        ),
    )
    return App(settings, systems, state, engine)


def closures_of(
    settings: Settings, systems: Mapping[str, System], store: Store, clock: Clock
) -> tuple[Closures, ...]:
    """What rooms and equipment close, for each system that has some of the providers."""
    houses = {systems[name] for name in resources_of(settings).values()}
    found = [h for h in houses if isinstance(h, leadconnector.LeadConnector)]
    return tuple(Closures(house, store, clock) for house in sorted(found, key=lambda h: h.name))


def ties_of(settings: Settings, systems: Mapping[str, System]) -> tuple[Ties, ...]:
    """What ties bookings to contacts, for each system where that is switched on."""
    found = []
    for name, system in sorted(settings.systems.items()):
        adapter = systems.get(name)
        if isinstance(system, LeadConnectorSystem) and system.associations.on:
            said = system.associations
            if isinstance(adapter, leadconnector.LeadConnector):
                found.append(Ties(adapter.registry(said.key, said.object, said.field)))
    return tuple(found)


def resources_of(settings: Settings) -> dict[str, str]:
    """The providers that are a room or equipment of a system, and that system."""
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
) -> dict[str, System]:
    """Make the adapter of each system that is mapped to at least one provider."""
    found: dict[str, System] = {}
    for name, system in settings.systems.items():
        mapped = {
            provider: p.calendars[name]
            for provider, p in settings.providers.items()
            if name in p.calendars
        }
        if mapped:
            found[name] = _adapter(name, system, mapped, clock, (transports or {}).get(name))
    return found


def _adapter(
    name: str,
    system: SystemSettings,
    mapped: Mapping[str, CalendarSettings],
    clock: Clock,
    transport: httpx.AsyncBaseTransport | None,
) -> System:
    account = _account(system)
    match system:
        case LeadSquaredSystem():
            return leadsquared.LeadSquared(
                name,
                leadsquared.Account(**account),
                {
                    provider: leadsquared.CalendarOf(c.user)
                    for provider, c in mapped.items()
                    if isinstance(c, LeadSquaredCalendar)
                },
                clock,
                transport=transport,
            )
        case LeadConnectorSystem():
            return leadconnector.LeadConnector(
                name,
                leadconnector.Account(**account),
                {
                    provider: leadconnector.CalendarOf(c.user, c.calendars, c.resource)
                    for provider, c in mapped.items()
                    if isinstance(c, LeadConnectorCalendar)
                },
                clock,
                transport=transport,
            )
        case LeadConnectorV1System():
            return leadconnector_v1.LeadConnectorV1(
                name,
                leadconnector_v1.Account(**account),
                {
                    provider: leadconnector_v1.CalendarOf(c.calendar, c.user, c.team)
                    for provider, c in mapped.items()
                    if isinstance(c, LeadConnectorV1Calendar)
                },
                clock,
                transport=transport,
            )


def build_provisioners(
    settings: Settings,
    clock: Clock,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
) -> dict[str, Provisioner]:
    """Make what lists and makes the things of each system, mapped to a provider or not."""
    network = transports or {}
    found: dict[str, Provisioner] = {}
    for name, system in settings.systems.items():
        account = _account(system)
        match system:
            case LeadSquaredSystem():
                found[name] = leadsquared.Provisioner(
                    name, leadsquared.Account(**account), clock, transport=network.get(name)
                )
            case LeadConnectorSystem():
                found[name] = leadconnector.Provisioner(
                    name, leadconnector.Account(**account), clock, transport=network.get(name)
                )
            case LeadConnectorV1System():
                found[name] = leadconnector_v1.Provisioner(
                    name, leadconnector_v1.Account(**account), clock, transport=network.get(name)
                )
    return found


def _account(system: SystemSettings) -> dict[str, Any]:
    """What an adapter is told of its account."""
    return {key: _plain(said) for key, said in system if key not in {"type", "associations"}}


def _plain(said: Any) -> Any:
    return said.reveal() if isinstance(said, Secret) else said


def policy_of(settings: Settings) -> Policy:
    """The rules, limits and spans that the configuration says."""
    said = settings.rules
    rules = Rules(
        prefer=tuple(said.prefer),
        moved_apart=Choice(said.moved_apart),
        moved_and_cancelled=Choice(said.moved_and_cancelled),
        block_edited=Choice(said.block_edited),
    )
    general = settings.syncd
    return Policy(
        rules=dict.fromkeys(settings.providers, rules),
        limits=Limits(count=settings.guard.count, share=settings.guard.share),
        past=general.window.past,
        future=general.window.future,
        ahead=general.near.ahead,
        resources=resources_of(settings),
        read_only=frozenset(
            (provider, system)
            for provider, p in settings.providers.items()
            for system, calendar in p.calendars.items()
            if not calendar.write
        ),
    )
