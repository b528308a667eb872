"""Look at the systems: learn what became of open writes, and read, each system in its own lane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol

from syncd.engine import series
from syncd.engine.absence_lookups import AbsenceLookups
from syncd.engine.first_writes import compare_pending
from syncd.engine.observation import Observation, ReadRequest
from syncd.engine.reading import observe
from syncd.engine.recovery import confirm, recover
from syncd.engine.report import Report, SystemStatus
from syncd.engine.running_events import Depth
from syncd.engine.write_systems import count_writes
from syncd.engine.writer import WriteContext
from syncd.model import Intent, Window
from syncd.systems.port import PlatformError, System

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine


class PollSelector(Protocol):
    """Chooses whom of some providers a poll asks a system for (see `daemon.poll_scheduler`)."""

    def __call__(
        self, system: str, depth: Depth, providers: Sequence[str], *, late: bool
    ) -> Sequence[str]:
        """Return those of whom it is time; ``late``: the poll is for what came late."""
        ...


def select_all(system: str, depth: Depth, providers: Sequence[str], *, late: bool) -> Sequence[str]:
    """Ask for all of them: no account is known to be tight."""
    del system, depth, late
    return providers


async def read_systems(
    engine: Engine,
    window: Window,
    report: Report,
    chosen: Sequence[str],
    desk: WriteContext,
    progress: Callable[[str], None],
    depth: Depth,
    *,
    by_id: bool,
    follows: bool = False,
) -> dict[str, Observation]:
    """Learn what became of open writes, and read; what is seen is stored.

    A system that is late counts as unknown (see `engine.system_tasks`), and so does one that a poll
    does not ask, as its account allows few calls. With ``follows``, this look is for what came late
    since the last one.
    """
    engine.repair(desk)
    for name, written in engine.tasks.late_writes().items():
        count_writes(engine, name, written, report)
    pending = () if report.dry_run else engine.store.pending_intents()
    if pending:
        progress("looking after writes without an answer")
    progress("reading")
    full = engine.is_full(window)
    chosen_of: dict[str, Sequence[str]] = {
        name: mine
        for name in engine.systems
        if (mine := [p for p in chosen if name in engine.mapping[p]])
    }
    if depth is not Depth.RESYNC:
        chosen_of = {
            name: engine.select_due(name, depth, mine, late=follows)
            for name, mine in chosen_of.items()
        }
    engine.not_due = {
        (provider, name)
        for name, mine in chosen_of.items()
        for provider in chosen
        if name in engine.mapping[provider] and provider not in mine
    }
    wanted = {
        name: ReadRequest(
            window,
            tuple(mine),
            engine.running.look_back(name, mine, depth),
            engine.clock_error,
            near=depth is Depth.NEAR,
            full=full,
            by_id=by_id,
        )
        for name, mine in chosen_of.items()
        if mine
    }

    async def work(name: str, asked: ReadRequest) -> Observation:
        system = engine.tasks.gated(engine.systems[name])
        if not report.dry_run and report.exactly is None:
            await engine.canaries.clear(name)
        if pending:
            await recover(system, pending, desk)
        seen = await _read(engine, system, asked)
        if pending:
            open_ = engine.store.pending_intents()
            confirm([i for i in open_ if i.operation.system == name], desk)
        await compare_pending(() if report.dry_run else [system], desk)
        return seen

    # The writes of systems that have nothing to read are looked after all the same.
    open_ = {i.operation.system for i in pending if i.operation.system in engine.systems}
    rest = sorted(open_ - wanted.keys() - {name for _, name in engine.not_due})
    await asyncio.gather(*(_look_after_writes(engine, name, pending, desk) for name in rest))
    try:
        observed = await engine.tasks.read(wanted, work, follows=follows)
    except Exception:
        # What one system showed may be stored already, and is no news to the next read.
        engine.dirty.mark_whole(engine.mapping)
        raise
    engine.running.note(observed.values())
    engine.dirty.mark_whole(engine.resources.update_quantities([*observed.values()]))
    return observed


async def _look_after_writes(
    engine: Engine, name: str, pending: Sequence[Intent], desk: WriteContext
) -> None:
    system = engine.tasks.gated(engine.systems[name])
    with suppress(PlatformError):
        await engine.tasks.ask(name, "writes", partial(recover, system, pending, desk))


async def _read(engine: Engine, system: System, asked: ReadRequest) -> Observation:
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
        remapped=engine.read_progress.remapped(name),
        unread=engine.read_progress.unread(name),
        full=asked.full,
        probes=engine.probes.setdefault(name, AbsenceLookups()),
        look_back=asked.look_back,
        running=None if asked.near else engine.running,
    )
    seen.request = asked
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
    providers = series.complete_series(engine.store, seen)
    rest = series.beyond(window, engine.window(near=False))
    if not providers or rest is None or seen.state is not SystemStatus.OK:
        return
    more = await observe(system, engine.store, engine.clock, rest, providers, intents, full=False)
    series.join_observations(seen, more)
    series.complete_series(engine.store, seen)
