"""Cells of a whole process over loopback HTTP: cycles, writes, latency."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, cast

import httpx

from syncd.app import App, build
from syncd.config.load import load
from syncd.config.settings import LeadConnectorV1System
from syncd.core.propagation import write_order
from syncd.daemon.service import JobIntervals, serve
from syncd.engine.writing.context import WriteContext
from syncd.engine.writing.writer import execute
from syncd.lab.bench.measure import lower, peak
from syncd.lab.bench.state import converge
from syncd.machine import RealClock
from syncd.model import (
    Action,
    Booking,
    Changes,
    Coverage,
    Kind,
    Operation,
    Status,
    Value,
    Window,
)
from syncd.store import Store
from syncd.systems.leadconnector_v1.account import Account
from syncd.systems.leadconnector_v1.opening import open_transport
from syncd.systems.port import Capabilities, System
from syncd.systems.replies import Done
from syncd.systems.transport import network

_HALF = timedelta(minutes=30)
_NEAR = timedelta(seconds=5)
_LATER = timedelta(minutes=5)


def _app(home: Path) -> App:
    gc.freeze()  # what was imported is not looked through for garbage, as in `cli.lazy`
    return build(load(home / "syncd.toml", {}))


async def seed(home: Path) -> dict[str, Any]:
    """Bring the state to the result of a first sync."""
    app = _app(home)
    await converge(app, app.engine.window(near=False), datetime.now(UTC))
    await app.aclose()
    return {}


async def over_http(home: Path, rounds: int = 5) -> dict[str, Any]:
    """Measure the cycle without changes."""
    app = _app(home)
    for _ in range(2):
        report = await app.engine.poll(near=False)
        assert report.answered, [s.cause for s in report.systems.values()]
        assert not report.news
    lower()
    cpu, wall = [], []
    for _ in range(rounds):
        before, began = time.process_time(), time.perf_counter()
        report = await app.engine.poll(near=False)
        cpu.append(time.process_time() - before)
        wall.append(time.perf_counter() - began)
        assert not report.news
    calls = sum(s.reads for s in report.systems.values())
    await app.aclose()
    return {"cpu": cpu, "wall": wall, "calls": calls, "peak_mb": peak()}


async def writing(home: Path) -> dict[str, Any]:
    """Measure a first sync with its writes, by phase, as all CPU of the process during a phase.

    ``own_ms`` is the phase of the writes, from the first to the last completed one, per
    operation, without ``request``: the same request by httpx's own client to the same platform.
    ``sent`` is what the request costs in syncd.
    """
    wrote: list[float] = []
    app = build(
        load(home / "syncd.toml", {}), on_write=lambda *_: wrote.append(time.process_time())
    )
    window, longest = app.engine.window(near=False), app.engine.running.longest
    await asyncio.gather(*(s.read(window, look_back=longest) for s in app.systems.values()))
    stamps: list[tuple[str, float]] = []
    began = time.perf_counter()
    report = await app.engine.resync(
        progress=lambda text: stamps.append((text.split()[0], time.process_time()))
    )
    wall = time.perf_counter() - began
    end = time.process_time()
    assert report.converged, report.to_json()
    assert report.answered
    done = report.operations.total()
    assert len(wrote) == done
    await app.aclose()
    assert [name for name, _ in stamps] == [
        *("reading", "deciding", "writing"),
        *("reading", "deciding"),
    ]
    at = [cpu for _, cpu in stamps]
    cpu = wrote[-1] - at[2]
    request, sent = await _requests(home)
    return {
        "cpu": [cpu],
        "wall": [wall],
        "operations": done,
        "per_second": done / wall,
        "request": [request],
        "sent": [sent],
        "own_ms": 1000 * (cpu / done - request),
        "before_ms": 1000 * (at[2] - at[0]) / done,
        "telling_ms": 1000 * (at[3] - wrote[-1]) / done,
        "confirming_ms": 1000 * (end - at[3]) / done,
    }


async def _requests(home: Path, times: int = 90) -> tuple[float, float]:
    """Return the CPU seconds of one create, by httpx's own client and by syncd's `Transport`."""
    settings = load(home / "syncd.toml", {})
    system = settings.systems["legacy"]
    assert isinstance(system, LeadConnectorV1System)
    key, path = system.api_key.reveal(), "appointments/"
    calendars = next(p.calendars for p in settings.providers.values() if "legacy" in p.calendars)
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)
    block = {
        "userId": calendars["legacy"].user,
        "selectedSlot": start.isoformat(),
        "endAt": (start + _HALF).isoformat(),
        "title": "Busy #abcdefghij",
    }

    async def cost(ask: Callable[[], Awaitable[Any]]) -> float:
        await ask()
        before = time.process_time()
        for _ in range(times):
            await ask()
        return (time.process_time() - before) / times

    async def bare() -> None:
        (await client.post(path, json=block)).raise_for_status()

    async with httpx.AsyncClient(
        base_url=system.base_url, headers={"Authorization": f"Bearer {key}"}
    ) as client:
        request = await cost(bare)
    account = Account(api_key=key, base_url=system.base_url)
    ours = open_transport("legacy", account, RealClock(), network(None))
    sent = await cost(lambda: ours.write("POST", path, json=block))
    await ours.aclose()
    return request, sent


@dataclass(slots=True)
class _AtOnce:
    """A system that carries out every write at no cost."""

    name: str = "crm"
    capabilities: Capabilities = field(default_factory=Capabilities)
    made: Iterator[int] = field(default_factory=count)

    async def write(self, operations: Sequence[Operation]) -> Done:
        """Return success."""
        return Done([(o.event or f"e{next(self.made)}", None) for o in operations])


async def journal(home: Path, size: int = 1000) -> dict[str, Any]:
    """Measure the journal alone: blocks created and moved, without any system below."""
    clock, start = RealClock(), datetime(2026, 12, 1, 9, tzinfo=UTC)
    store = Store.open(home / "journal.db")
    ids = count()
    site = WriteContext(
        store, clock, lambda: f"{next(ids):026}", lambda: f"k{next(ids):09}", "run", asyncio.Event()
    )
    values = [
        Value(start + n * _HALF, start + (n + 1) * _HALF, Status.CONFIRMED) for n in range(size)
    ]
    meetings = [
        Booking(f"b{n}", f"p{n % 20}", Kind.APPOINTMENT, value) for n, value in enumerate(values)
    ]
    store.apply(Changes(bookings=meetings))
    makes = [
        Operation(Action.CREATE_BLOCK, "crm", b.provider, Kind.BLOCK, None, None, b.agreed, (b.id,))
        for b in meetings
    ]
    made, cpu = await _executed(makes, site)
    moves = [
        Operation(
            Action.MOVE_BLOCK, "crm", o.provider, Kind.BLOCK, f"e{n}", o.after, later, o.bookings
        )
        for n, o in enumerate(write_order.order(makes))
        if o.after is not None
        for later in [Value(o.after.start + _LATER, o.after.end + _LATER, o.after.status)]
    ]
    moved, moving = await _executed(moves, site)
    assert made == moved == size
    store.close()
    return {"cpu": [cpu], "operations": size, "moving": [moving]}


async def _executed(operations: list[Operation], site: WriteContext) -> tuple[int, float]:
    """Return the number of completed writes, and their CPU seconds."""
    ever = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    later = site.clock.now() + timedelta(hours=1)
    providers = {o.provider for o in operations}
    was_just_read = [Coverage("crm", p, frozenset(Kind), ever, later) for p in providers]
    before = time.process_time()
    written = await execute(cast("System", _AtOnce()), operations, was_just_read, site)
    return len(written.done), time.process_time() - before


async def bulk(home: Path, moves: int = 1000) -> dict[str, Any]:
    """Measure bulk reschedules in LeadSquared: number of calls, and CPU."""
    app = _app(home)
    system = app.systems["crm"]
    # Otherwise the first reschedule in the account is made alone.
    system.measured.note("moves_change_only_time", "yes")
    snapshot = await system.read(app.engine.window(near=False))
    events = [e for row in snapshot.rows if (e := system.event(row)).kind is Kind.APPOINTMENT]
    operations = [
        Operation(
            Action.MOVE_APPOINTMENT,
            "crm",
            e.provider,
            e.kind,
            e.id,
            e.value,
            Value(e.value.start + _LATER, e.value.end + _LATER, e.value.status),
        )
        for e in events[:moves]
    ]
    engine = app.engine
    site = WriteContext(
        engine.store, engine.clock, engine.ids.row, engine.ids.key, "run", engine.stopping
    )
    writes, before = system.traffic.writes, time.process_time()
    written = await execute(system, operations, (), site)
    cpu = time.process_time() - before
    calls = system.traffic.writes - writes
    assert len(written.queued) == len(operations)
    await app.aclose()
    return {"cpu": [cpu], "operations": len(operations), "calls": calls}


async def lag(home: Path, changes: int = 500, seconds: float = 100.0) -> dict[str, Any]:
    """Measure the time from an outside change to its confirmed write in a running daemon."""
    urls = json.loads((home / "urls.json").read_text())
    booked = json.loads((home / "bookings.json").read_text())[:changes]
    began: dict[tuple[str, datetime], float] = {}
    took: list[float] = []

    def wrote(operation: Operation, _what: str) -> None:
        place = (operation.provider, operation.after.start) if operation.after else None
        if place in began:
            took.append(time.monotonic() - began.pop(place))

    settings = load(home / "syncd.toml", {})
    app = build(settings, on_write=wrote)
    general = settings.syncd
    pace = JobIntervals(_NEAR, general.far.every, general.resync_at, UTC)
    daemon = asyncio.create_task(
        serve(app.engine, pace, general.state_path, {}, handle_signals=False)
    )
    await asyncio.sleep(8)
    chance = Random(7)
    async with httpx.AsyncClient(base_url=urls["control"]) as people:
        for provider, system, event, _, _, start in booked:
            at = datetime.fromisoformat(start) + timedelta(minutes=chance.choice((3, 7, 11)))
            moved = {"id": event, "start": at.isoformat(), "end": (at + _HALF).isoformat()}
            began[provider, at] = time.monotonic()
            (await people.post(f"/{system}/move", json=moved)).raise_for_status()
            await asyncio.sleep(chance.expovariate(changes / seconds))
    for _ in range(60):
        await asyncio.sleep(0.5)
        if not began:
            break
    app.engine.stopping.set()
    await daemon
    await app.aclose()
    took.sort()
    return {
        "lag": took,
        "p50": took[len(took) // 2],
        "p95": took[len(took) * 95 // 100],
        "max": took[-1],
        "done": len(took),
        "never": len(began),
    }
