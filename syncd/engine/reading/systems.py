"""Read the systems in parallel, after finding the outcomes of open writes. See `system_tasks`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

import structlog

from syncd.core.event_state.repair import repair
from syncd.engine.context import Context
from syncd.engine.reading import series
from syncd.engine.reading.observation import Observation, ReadRequest
from syncd.engine.reading.observe import observe
from syncd.engine.reading.running_events import Depth
from syncd.engine.report.run_report import Report, SystemStatus
from syncd.engine.writing.context import WriteContext
from syncd.engine.writing.first_writes import compare_pending
from syncd.engine.writing.outcome import confirm
from syncd.engine.writing.recovery import recover
from syncd.engine.writing.series import migrate_series_stops
from syncd.engine.writing.systems import count_writes
from syncd.model import READABLE, Intent, Window
from syncd.store.repository.ranges import providers_out_of_range
from syncd.systems.errors import PlatformError
from syncd.systems.port import System

log = structlog.get_logger(__name__)

MAX_READ_LEAD = timedelta(days=1)
"""A read that is this far in the future was made with a wrong clock."""


async def read_systems(
    ctx: Context,
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
    `engine.tasks.system_tasks`). So does a system that a poll skips because its account allows few
    calls.

    - ``window``: the time to read; ``depth``: how thoroughly; ``chosen``: the providers.
    - ``context``: used to close open writes; ``report``: late writes are counted here.
    - ``by_id``: look up own blocks that no list shows (see `own_blocks`).
    - ``follows``: this read uses the results of late reads of the cycle before.

    Raises StateError and unexpected errors.
    """
    _repair_once(ctx, context)
    for name, written in ctx.tasks.late_writes().items():
        count_writes(ctx, name, written, report)
    pending = () if report.dry_run else ctx.store.pending_intents()
    if pending:
        progress("looking up writes without an outcome")
    progress("reading")
    full = ctx.is_full(window)
    chosen_of: dict[str, Sequence[str]] = {
        name: mapped
        for name in ctx.systems
        if (mapped := [p for p in chosen if name in ctx.mapping[p]])
    }
    if depth is not Depth.RESYNC:
        chosen_of = {
            name: ctx.select_due(name, depth, mapped, late=follows)
            for name, mapped in chosen_of.items()
        }
    ctx.not_due = {
        (provider, name)
        for name, mapped in chosen_of.items()
        for provider in chosen
        if name in ctx.mapping[provider] and provider not in mapped
    }
    wanted = {
        name: ReadRequest(
            window,
            tuple(mapped),
            ctx.running.look_back(name, mapped, depth),
            ctx.clock_error,
            near=depth is Depth.NEAR,
            full=full,
            by_id=by_id,
        )
        for name, mapped in chosen_of.items()
        if mapped
    }

    async def work(name: str, request: ReadRequest) -> Observation:
        system = ctx.tasks.gated(ctx.systems[name])
        if not report.dry_run and report.exactly is None:
            await ctx.canaries.clear(name)
        if pending:
            await recover(system, pending, context)
        seen = await _read(ctx, system, request)
        if pending:
            unfinished = ctx.store.pending_intents()
            confirm([i for i in unfinished if i.operation.system == name], context)
        await compare_pending(() if report.dry_run else [system], context)
        return seen

    # Find the outcomes of open writes also in systems that this cycle does not read.
    unfinished = {i.operation.system for i in pending if i.operation.system in ctx.systems}
    rest = sorted(unfinished - wanted.keys() - {name for _, name in ctx.not_due})
    await asyncio.gather(*(_recover_writes(ctx, name, pending, context) for name in rest))
    try:
        observed = await ctx.tasks.read(wanted, work, follows=follows)
    except Exception:
        # An observation may be stored already, so the next read would not see its changes.
        ctx.dirty.mark_whole(ctx.mapping)
        raise
    ctx.running.note(observed.values())
    ctx.dirty.mark_whole(ctx.resources.update_quantities([*observed.values()]))
    return observed


async def _recover_writes(
    ctx: Context, name: str, pending: Sequence[Intent], context: WriteContext
) -> None:
    system = ctx.tasks.gated(ctx.systems[name])
    with suppress(PlatformError):
        await ctx.tasks.ask(name, "writes", partial(recover, system, pending, context))


async def _read(ctx: Context, system: System, request: ReadRequest) -> Observation:
    name = system.name
    intents = ctx.store.pending_intents()
    seen = await observe(
        system,
        ctx.store,
        ctx.clock,
        request.window,
        request.providers,
        intents,
        by_id=request.by_id,
        remapped=ctx.read_progress.remapped(name),
        unread=ctx.read_progress.unread(name),
        full=request.full,
        probes=ctx.lookups(name),
        look_back=request.look_back,
        running=None if request.near else ctx.running,
    )
    seen.request = request
    await _follow_series(ctx, system, seen, request.window, intents)
    return seen


async def _follow_series(
    ctx: Context,
    system: System,
    seen: Observation,
    window: Window,
    intents: Sequence[Intent],
) -> None:
    """Read the rest of the whole window if an instance vanished: its series may have moved."""
    providers = series.complete_series(ctx.store, seen)
    rest = series.unread_rest(ctx.store, system.name, providers, window, ctx.window(near=False))
    if not providers or rest is None or seen.state is not SystemStatus.OK:
        return
    more = await observe(system, ctx.store, ctx.clock, rest, providers, intents, full=False)
    series.join_observations(seen, more)
    series.complete_series(ctx.store, seen)


def _repair_once(ctx: Context, context: WriteContext) -> None:
    """Repair a state of an older version, once per process.

    Removes times out of range, and converts the stored stops of writes to series.
    """
    if ctx.in_range:
        return
    now = ctx.now()
    if any(c.read_at > now + MAX_READ_LEAD for c in ctx.store.last_coverage()):
        return  # This clock was set back, so the range cannot be checked.
    for provider in sorted(providers_out_of_range(ctx.store, now - READABLE, now + READABLE)):
        log.warning("stored times out of range replaced", provider=provider)
        ctx.store.apply(repair(ctx.store.state(provider), now, context.run))
    migrate_series_stops(ctx.systems.values(), ctx.store)
    ctx.in_range = True
