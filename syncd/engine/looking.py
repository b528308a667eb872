"""Look at the systems: learn what became of open writes, and read, each system in its own lane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from syncd.engine import series
from syncd.engine.execute import Desk
from syncd.engine.first_writes import look_after
from syncd.engine.observation import Asked, Observation
from syncd.engine.observe import observe
from syncd.engine.probes import Probes
from syncd.engine.recover import confirm, recover
from syncd.engine.report import Health, Report
from syncd.engine.running import Depth
from syncd.engine.writing import count
from syncd.model import Intent, Window
from syncd.systems.port import System, SystemFault

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine


async def look(
    engine: Engine,
    window: Window,
    report: Report,
    chosen: Sequence[str],
    desk: Desk,
    progress: Callable[[str], None],
    depth: Depth,
    *,
    by_id: bool,
    follows: bool = False,
) -> dict[str, Observation]:
    """Learn what became of open writes, and read; what is seen is stored.

    A system that is late counts as unknown (see `engine.lanes`). With ``follows``, this look is for
    what came late since the last one.
    """
    engine.repair(desk)
    for name, written in engine.lanes.written().items():
        count(engine, name, written, report)
    pending = () if report.dry_run else engine.store.pending_intents()
    if pending:
        progress("looking after writes without an answer")
    progress("reading")
    full = engine.is_full(window)
    wanted = {
        name: Asked(
            window,
            tuple(mine),
            engine.running.look_back(name, mine, depth),
            near=depth is Depth.NEAR,
            full=full,
            by_id=by_id,
        )
        for name in engine.systems
        if (mine := [p for p in chosen if name in engine.mapping[p]])
    }

    async def work(name: str, asked: Asked) -> Observation:
        system = engine.lanes.gated(engine.systems[name])
        if not report.dry_run and report.exactly is None:
            await engine.canaries.clear(name)
        if pending:
            await recover(system, pending, desk)
        seen = await _read(engine, system, asked)
        if pending:
            open_ = engine.store.pending_intents()
            confirm([i for i in open_ if i.operation.system == name], desk)
        await look_after(() if report.dry_run else [system], desk)
        return seen

    # The writes of systems that have nothing to read are looked after all the same.
    open_ = {i.operation.system for i in pending if i.operation.system in engine.systems}
    rest = sorted(open_ - wanted.keys())
    await asyncio.gather(*(_look_after_writes(engine, name, pending, desk) for name in rest))
    try:
        observed = await engine.lanes.read(wanted, work, follows=follows)
    except Exception:
        # What one system showed may be stored already, and is no news to the next read.
        engine.agenda.add(engine.mapping)
        raise
    engine.running.note(observed.values())
    engine.agenda.add(engine.annexes.count([*observed.values()]))
    return observed


async def _look_after_writes(
    engine: Engine, name: str, pending: Sequence[Intent], desk: Desk
) -> None:
    system = engine.lanes.gated(engine.systems[name])
    with suppress(SystemFault):
        await engine.lanes.ask(name, "writes", partial(recover, system, pending, desk))


async def _read(engine: Engine, system: System, asked: Asked) -> Observation:
    name = system.name
    intents = engine.store.pending_intents()
    seen = await observe(
        system,
        engine.store,
        engine.clock,
        asked.window,
        asked.providers,
        intents,
        by_id=asked.by_id,
        remapped=engine.baselines.remapped(name),
        unread=engine.baselines.unread(name),
        full=asked.full,
        probes=engine.probes.setdefault(name, Probes()),
        look_back=asked.look_back,
        running=None if asked.near else engine.running,
    )
    seen.asked = asked
    await _follow_series(engine, system, seen, asked.window, intents)
    return seen


async def _follow_series(
    engine: Engine,
    system: System,
    seen: Observation,
    window: Window,
    intents: Sequence[Intent],
) -> None:
    """Read further ahead where an instance of a series vanished: it may have moved as one."""
    providers = series.complete(engine.store, seen)
    rest = series.beyond(window, engine.window(near=False))
    if not providers or rest is None or seen.state is not Health.OK:
        return
    more = await observe(system, engine.store, engine.clock, rest, providers, intents, full=False)
    series.join(seen, more)
    series.complete(engine.store, seen)
