"""Read the systems in parallel, after finding the outcomes of open writes. See `system_tasks`."""

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
from syncd.engine.recovery import recover
from syncd.engine.report import Report, SystemStatus
from syncd.engine.running_events import Depth
from syncd.engine.write_outcome import confirm
from syncd.engine.write_systems import count_writes
from syncd.engine.writer import WriteContext
from syncd.model import Intent, Window
from syncd.systems.port import PlatformError, System

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine


class PollSelector(Protocol):
    """Chooses the providers that a poll of the daemon reads (see `daemon.poll_scheduler`)."""

    def __call__(
        self, system: str, depth: Depth, providers: Sequence[str], *, late: bool
    ) -> Sequence[str]:
        """Return those of the providers that are due in this system.

        ``depth`` is the depth of the poll. ``late``: the poll only uses the results of late reads.
        """
        ...


def select_all(system: str, depth: Depth, providers: Sequence[str], *, late: bool) -> Sequence[str]:
    """Return all providers. Used if no account has a tight rate limit."""
    del system, depth, late
    return providers


async def read_systems(
    engine: Engine,
    window: Window,
    report: Report,
    chosen: Sequence[str],
    context: WriteContext,
    progress: Callable[[str], None],
    depth: Depth,
    *,
    by_id: bool,
    follows: bool = False,
) -> dict[str, Observation]:
    """Find the outcomes of open writes, read the systems, and store what was read.

    Returns the observation of each system. A late system counts as unknown (see
    `engine.system_tasks`). So does a system that a poll skips because its account allows few calls.

    - ``window``: the time to read; ``depth``: how thoroughly; ``chosen``: the providers.
    - ``context``: used to close open writes; ``report``: late writes are counted here.
    - ``by_id``: look up own blocks that no list shows (see `own_blocks`).
    - ``follows``: this read uses the results of late reads of the cycle before.

    Raises StateError and unexpected errors.
    """
    engine.repair(context)
    for name, written in engine.tasks.late_writes().items():
        count_writes(engine, name, written, report)
    pending = () if report.dry_run else engine.store.pending_intents()
    if pending:
        progress("looking up writes without an outcome")
    progress("reading")
    full = engine.is_full(window)
    chosen_of: dict[str, Sequence[str]] = {
        name: mapped
        for name in engine.systems
        if (mapped := [p for p in chosen if name in engine.mapping[p]])
    }
    if depth is not Depth.RESYNC:
        chosen_of = {
            name: engine.select_due(name, depth, mapped, late=follows)
            for name, mapped in chosen_of.items()
        }
    engine.not_due = {
        (provider, name)
        for name, mapped in chosen_of.items()
        for provider in chosen
        if name in engine.mapping[provider] and provider not in mapped
    }
    wanted = {
        name: ReadRequest(
            window,
            tuple(mapped),
            engine.running.look_back(name, mapped, depth),
            engine.clock_error,
            near=depth is Depth.NEAR,
            full=full,
            by_id=by_id,
        )
        for name, mapped in chosen_of.items()
        if mapped
    }

    async def work(name: str, request: ReadRequest) -> Observation:
        system = engine.tasks.gated(engine.systems[name])
        if not report.dry_run and report.exactly is None:
            await engine.canaries.clear(name)
        if pending:
            await recover(system, pending, context)
        seen = await _read(engine, system, request)
        if pending:
            unfinished = engine.store.pending_intents()
            confirm([i for i in unfinished if i.operation.system == name], context)
        await compare_pending(() if report.dry_run else [system], context)
        return seen

    # Find the outcomes of open writes also in systems that this cycle does not read.
    unfinished = {i.operation.system for i in pending if i.operation.system in engine.systems}
    rest = sorted(unfinished - wanted.keys() - {name for _, name in engine.not_due})
    await asyncio.gather(*(_recover_writes(engine, name, pending, context) for name in rest))
    try:
        observed = await engine.tasks.read(wanted, work, follows=follows)
    except Exception:
        # An observation may be stored already, so the next read would not see its changes.
        engine.dirty.mark_whole(engine.mapping)
        raise
    engine.running.note(observed.values())
    engine.dirty.mark_whole(engine.resources.update_quantities([*observed.values()]))
    return observed


async def _recover_writes(
    engine: Engine, name: str, pending: Sequence[Intent], context: WriteContext
) -> None:
    system = engine.tasks.gated(engine.systems[name])
    with suppress(PlatformError):
        await engine.tasks.ask(name, "writes", partial(recover, system, pending, context))


async def _read(engine: Engine, system: System, request: ReadRequest) -> Observation:
    name = system.name
    intents = engine.store.pending_intents()
    seen = await observe(
        system,
        engine.store,
        engine.clock,
        request.window,
        request.providers,
        intents,
        by_id=request.by_id,
        remapped=engine.read_progress.remapped(name),
        unread=engine.read_progress.unread(name),
        full=request.full,
        probes=engine.probes.setdefault(name, AbsenceLookups()),
        look_back=request.look_back,
        running=None if request.near else engine.running,
    )
    seen.request = request
    await _follow_series(engine, system, seen, request.window, intents)
    return seen


async def _follow_series(
    engine: Engine,
    system: System,
    seen: Observation,
    window: Window,
    intents: Sequence[Intent],
) -> None:
    """Read the rest of the whole window if an instance vanished: its series may have moved."""
    providers = series.complete_series(engine.store, seen)
    rest = series.unread_rest(
        engine.store, system.name, providers, window, engine.window(near=False)
    )
    if not providers or rest is None or seen.state is not SystemStatus.OK:
        return
    more = await observe(system, engine.store, engine.clock, rest, providers, intents, full=False)
    series.join_observations(seen, more)
    series.complete_series(engine.store, seen)
