"""Run a cleanup inside of a running engine; the engine makes no calls meanwhile.

Used when `syncd cleanup` runs while the daemon does: the daemon carries the cleanup out.
"""

from __future__ import annotations

from collections.abc import Callable

from syncd.engine.cleanup.clean_up import clean_up
from syncd.engine.cleanup.context import CleanupSpec
from syncd.engine.cleanup.report import CleanupReport
from syncd.engine.context import Context
from syncd.systems.learned_limits import LearnedLimits

LONGEST_RATE_WINDOW = 10.0
"""How long the engine waits after a cleanup, in seconds.

The engine does not know the calls that the cleanup made. No platform has a longer rate window that
one more cycle could exceed.
"""


async def clean_up_in_engine(
    ctx: Context, spec: CleanupSpec, progress: Callable[[str], None]
) -> CleanupReport:
    """Clean up, wait until the engine may make calls again, and return the report.

    A dry run works on a copy of the state in memory. Raises StateError, and RuntimeError if the
    engine has no ``cleaner``.
    """
    if ctx.cleaner is None:
        message = "this engine was made without a cleaner"
        raise RuntimeError(message)
    await ctx.tasks.drain()
    store = ctx.store.in_memory_copy() if spec.dry_run else ctx.store
    try:
        async with ctx.cleaner(spec.scope, store) as context:
            return await clean_up(
                context,
                dry_run=spec.dry_run,
                chosen=spec.chosen,
                by_tag=spec.by_tag,
                who=spec.who,
                progress=progress,
            )
    finally:
        if spec.dry_run:
            store.close()
        # The cleanup stored what it read, so that the next read shows no changes.
        ctx.dirty.mark_whole(ctx.mapping)
        for system in ctx.systems.values():
            # After a crash, the next process has to count these calls.
            LearnedLimits(system.facts).begin()
        await ctx.stopping.pause(ctx.clock, LONGEST_RATE_WINDOW)
