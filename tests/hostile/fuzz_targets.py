"""Fuzz targets, one function per parser: each raises if an example is handled wrongly."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from hypothesis import strategies as st

from syncd.accounts import build_systems
from syncd.app import build
from syncd.config.load import load
from syncd.daemon.control_socket import control_socket, short_path
from syncd.daemon.jobs import Jobs
from syncd.lab.sandbox.clock import ManualClock
from syncd.lab.sandbox.consistency import DisagreementKind, disagreements, event_summaries
from syncd.lab.sandbox.scenario import SYSTEM_NAMES, Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.model import (
    MAX_DAILY_WAIT,
    Action,
    Event,
    EventRef,
    Kind,
    Operation,
    Value,
    Window,
)
from syncd.systems import decoding, leadconnector, leadconnector_v1, leadsquared
from syncd.systems.client import HttpResponse, open_client
from syncd.systems.errors import PlatformError, UnreadableError
from syncd.systems.facts import FactStore
from syncd.systems.port import System
from syncd.systems.rate_limiter import RateLimiter
from syncd.systems.transport import Transport, network
from tests.daemon.kit import FakeEngine
from tests.hostile.front import fronted
from tests.hostile.fuzz_config import CONFIGURATIONS, read_configuration
from tests.hostile.fuzz_rows import LISTS
from tests.hostile.fuzzed import (
    BODIES,
    FRAMES,
    HEADERS,
    HTTP_BYTES,
    LIMIT_WORDS,
    SPOILED,
    Spoiled,
)
from tests.hostile.rows import Row

NOW = datetime(2027, 6, 14, 5, tzinfo=UTC)
SLOWEST = 5.0
"""Limit on processor seconds per example; more means a parser that can be kept busy."""

HANGS = 120.0
"""Limit on real seconds per example; waits on virtual time take none."""

WINDOW = Window(NOW - timedelta(days=1), NOW + timedelta(days=14))
PLATFORMS = {"crm": leadsquared, "clinic": leadconnector, "legacy": leadconnector_v1}


class Spoiling(httpx.AsyncBaseTransport):
    """Passes requests to a sandbox platform, and changes its answers as the example says."""

    def __init__(self, app: Any) -> None:
        self._way = httpx.ASGITransport(app=app)
        self.spoiled: Spoiled | None = None
        self.calls = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._way.handle_async_request(request)
        self.calls += 1
        if self.spoiled is None or self.calls % self.spoiled.every:
            return response
        body = self.spoiled.body(await response.aread())
        status = self.spoiled.status or response.status_code
        return httpx.Response(status, headers=self.spoiled.headers, content=body, request=request)


@dataclass
class Scene:
    """Three systems on virtual time, whose answers can be changed in transit."""

    world: Clinic
    path: Path
    clock: ManualClock
    ways: Mapping[str, Spoiling]

    def spoil(self, system: str, spoiled: Spoiled | None) -> None:
        """Set the change to make, counted from the next call."""
        self.ways[system].spoiled, self.ways[system].calls = spoiled, 0


@contextmanager
def scene() -> Iterator[Scene]:
    """Yield a seeded scene; its configuration file exists inside the context."""
    clock = ManualClock(NOW)
    sandbox = Sandbox(clock)
    sandbox.crm.limit = None
    sandbox.legacy.checks_slots = False
    world = seed_clinic(sandbox, clock.now())
    sandbox.urls = {name: f"http://127.0.0.1{sandbox.base_path(name)}" for name in SYSTEM_NAMES}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "syncd.toml"
        text = config_text(world, "state.db").replace("calls_per_5s = 25", "calls_per_5s = 100")
        path.write_text(text)
        yield Scene(world, path, clock, {n: Spoiling(app) for n, app in sandbox.systems.items()})


@cache
def runner() -> asyncio.Runner:
    """Return the event loop for the examples of this process."""
    return asyncio.Runner()


def running(check: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Turn an async check into a function for Hypothesis, bounded in time."""

    def run(**drawn: Any) -> None:
        began = time.process_time()
        runner().run(_within(check(**drawn)))
        took = time.process_time() - began
        assert took < SLOWEST, f"took {took:.1f} s"

    run.__name__ = getattr(check, "__name__", "check")
    return run


async def _within(asked: Awaitable[None]) -> None:
    async with asyncio.timeout(HANGS):
        await asked


# --- adapters -------------------------------------------------------------------------------------


async def check_adapter(system: str, spoiled: Spoiled) -> None:
    """Check that the adapter returns valid values or raises a fault for any answer."""
    with scene() as place:
        adapter = build_systems(load(place.path, {}), place.clock, place.ways)[system]
        healthy = await adapter.read(WINDOW)
        known = [adapter.event(row) for row in healthy.rows]
        place.spoil(system, spoiled)
        await _use(adapter, known)
        await adapter.aclose()


async def _use(adapter: System, known: Sequence[Event]) -> None:
    with suppress(PlatformError):
        await _read(adapter, {})
    with suppress(PlatformError):
        await _read(adapter, {event.id: "?" for event in known})
    for event in known[:3]:
        ref = EventRef(adapter.name, event.provider, event.id, event.kind)
        with suppress(PlatformError, UnreadableError):
            await adapter.read_one(ref, event.value)
        with suppress(PlatformError):
            await adapter.customer(event)
    with suppress(PlatformError):
        directory = await adapter.users()
        storable(repr(directory))
    with suppress(PlatformError):
        for offer in await adapter.free_slots("alice", WINDOW):
            assert offer.start < offer.end
    for finding in await adapter.check():
        storable(finding.message)
    for operation in _operations(adapter.name, known):
        with suppress(PlatformError):
            storable(repr(await adapter.write([operation])))


async def _read(adapter: System, fingerprints: Mapping[str, str]) -> None:
    snapshot = await adapter.read(WINDOW, None, fingerprints, look_back=timedelta(days=7))
    for malformed in snapshot.malformed:
        storable(f"{malformed} {malformed.event} {malformed.reason}")
    for row in snapshot.rows:
        storable(f"{row.id} {row.provider} {row.fingerprint}")
        try:
            event = adapter.event(row)
        except UnreadableError as malformed:
            storable(str(malformed))
            continue
        assert event.value.start <= event.value.end, event
        assert event.value.start.utcoffset() == event.value.end.utcoffset() == timedelta(0)
        storable(repr(event))


def _operations(system: str, known: Sequence[Event]) -> Iterator[Operation]:
    after = Value(NOW + timedelta(days=5), NOW + timedelta(days=5, hours=1))
    yield Operation(
        Action.CREATE_BLOCK, system, "alice", Kind.BLOCK, None, None, after, key="aaaaaaaaaa"
    )
    for event in known[:1]:
        yield Operation(
            Action.MOVE_APPOINTMENT,
            system,
            event.provider,
            event.kind,
            event.id,
            event.value,
            after,
        )


def storable(text: str) -> None:
    """Fail for a text that a database or a log cannot hold."""
    text.encode("utf-8")


# --- the engine -----------------------------------------------------------------------------------


async def check_engine(system: str, spoiled: Spoiled) -> None:
    """Check that changed answers of one system lose nothing, and leave two systems in sync."""
    with scene() as place:
        app = build(load(place.path, {}), clock=place.clock, transports=place.ways)
        try:
            assert (await app.engine.resync()).converged
            source, target = (name for name in SYSTEM_NAMES if name != system)
            place.spoil(system, spoiled)
            start = NOW + timedelta(hours=31)
            place.world.book(source, "alice", start, 15)
            await app.engine.poll(near=True)
            await app.engine.poll(near=False)
            await app.engine.read_free_slots()
            found = event_summaries(place.world.sandbox.systems, place.world.owners)
            assert any((s.system, s.start, s.busy) == (target, start, True) for s in found)
            assert _standing(place.world) == _MEETINGS + 1
            place.spoil(system, None)
            place.clock.advance(timedelta(hours=26).total_seconds())
            for _ in range(3):
                await app.engine.resync()
            found = event_summaries(place.world.sandbox.systems, place.world.owners)
            wrong = disagreements(found, SYSTEM_NAMES, place.clock.now())
            repeated = [w for w in wrong if w.kind is DisagreementKind.REPEATED]
            assert not [w for w in repeated if w.system in {"crm", "clinic"}], wrong
            assert _standing(place.world) == _MEETINGS + 1
        finally:
            await app.aclose()


def _standing(world: Clinic) -> int:
    """Return the number of appointments, whatever their status."""
    return sum(not a.deleted for p in world.sandbox.systems.values() for a in p.appointments())


with scene() as _furnished:
    _MEETINGS = _standing(_furnished.world)


# --- what arrives over HTTP -----------------------------------------------------------------------


async def _anything(_scope: Any, _receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def check_http(answer: bytes, write: bool) -> None:
    """Check that a call returns or raises a fault for any bytes of a socket."""
    clock = ManualClock(NOW)
    async with fronted(_anything) as front:
        front.respond_oddly(Row("fuzzed", raw=answer))
        client = open_client(front.url, {}, transport=network(None))
        wire = Transport("clinic", client, clock, RateLimiter(clock), leadconnector.faults.fault_of)
        try:
            with suppress(PlatformError):
                if write:
                    await wire.write("POST", "/blocks")
                else:
                    wire.decode(await wire.read("GET", "/events"), dict[str, object], "GET")
        finally:
            await wire.aclose()


async def check_headers(headers: Mapping[str, str], status: int, body: bytes) -> None:
    """Check that waits are bounded for any headers, also after a restart."""
    clock = ManualClock(NOW)
    facts = FactStore("clinic", clock)
    budget = RateLimiter(clock, facts=facts)
    answer = HttpResponse(status, {k.lower(): v for k, v in headers.items()}, body)
    for platform in PLATFORMS.values():
        fault = platform.faults.fault_of(answer)
        assert fault is None or isinstance(fault, PlatformError)
    budget.learn(answer.headers)
    assert 0 <= budget.refused(answer.headers, answer.text) <= MAX_DAILY_WAIT
    budget.end()
    store = FactStore("clinic", clock)
    store.load(facts.all())
    for each in facts.all():
        storable(f"{each.name} {each.value}")
    after = RateLimiter(clock, facts=store)
    wait = await after.acquire(write=True, patience=0.0)
    assert 0 <= wait <= MAX_DAILY_WAIT
    clock.advance(MAX_DAILY_WAIT)
    for renewed in (budget, after):
        assert await renewed.acquire(write=True, patience=0.0) == 0.0


SHAPES: tuple[type[Any], ...] = (
    leadsquared.wire.Listing,
    leadsquared.wire.WriteResponse,
    leadsquared.wire.Days,
    leadconnector.wire.AppointmentList,
    leadconnector.wire.BlockList,
    leadconnector.wire.OneAppointment,
    leadconnector.wire.Calendars,
    leadconnector_v1.wire.Listing,
    leadconnector_v1.wire.Services,
    leadconnector_v1.wire.WithContact,
)


async def check_decoding(body: bytes, shape: type[Any]) -> None:
    """Check that a body is decoded or refused with an error that callers handle."""
    with suppress(*decoding.UNREADABLE):
        storable(repr(decoding.decode(body, shape)))
    with suppress(*decoding.UNREADABLE):
        decoding.repaired(decoding.repaired(body)).decode("utf-8")


# --- the daemon's socket --------------------------------------------------------------------------


async def check_frame(frame: bytes) -> None:
    """Check that every frame on the daemon's socket gets a JSON reply, without an inner failure."""
    engine = FakeEngine()
    work = Jobs(engine)
    commands = {
        "resync": work.on_request,
        "undo": work.on_undo,
        "resolve": work.on_resolve,
        "acknowledge": work.on_acknowledge,
    }
    with TemporaryDirectory() as folder:
        state = Path(folder) / "state.db"
        async with control_socket(state, commands):
            with short_path(state) as short:
                reader, writer = await asyncio.open_unix_connection(short)
            with suppress(ConnectionError):
                writer.write(frame)
                writer.write_eof()
                lines = (await reader.read()).splitlines()
                assert lines, "no answer"
                data = [json.loads(line) for line in lines][-1]
                assert "result" in data or data.get("refused"), data
            writer.close()
    engine.store.close()


@dataclass(frozen=True)
class Target:
    """One parser: the strategy that draws its examples, and its check."""

    check: Callable[..., None]
    drawn: Mapping[str, st.SearchStrategy[Any]]


def _targets() -> dict[str, Target]:
    found = {
        f"wire of {name}": Target(
            running(check_adapter), {"system": st.just(name), "spoiled": SPOILED}
        )
        for name in SYSTEM_NAMES
    }
    for name, lists in LISTS.items():
        drawn = {"system": st.just(name), "spoiled": lists}
        found[f"rows of {name}"] = Target(running(check_adapter), drawn)
        found[f"engine on rows of {name}"] = Target(running(check_engine), drawn)
    return found | {
        "engine": Target(
            running(check_engine), {"system": st.sampled_from(SYSTEM_NAMES), "spoiled": SPOILED}
        ),
        "HTTP": Target(running(check_http), {"answer": HTTP_BYTES, "write": st.booleans()}),
        "headers and limits": Target(
            running(check_headers),
            {
                "headers": HEADERS,
                "status": st.integers(0, 999),
                "body": st.binary(max_size=60) | LIMIT_WORDS,
            },
        ),
        "bodies": Target(
            running(check_decoding),
            {"body": BODIES, "shape": st.sampled_from(SHAPES)},
        ),
        "frames of the socket": Target(running(check_frame), {"frame": FRAMES}),
        "configuration": Target(read_configuration, {"text": CONFIGURATIONS}),
    }


TARGETS = _targets()
