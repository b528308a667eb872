"""Run a cleanup inside of a running engine; the engine makes no calls meanwhile.

Used when `syncd cleanup` runs while the daemon does: the daemon carries the cleanup out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.core.cleanup import CleanupScope
from syncd.engine.cleanup import clean_up
from syncd.engine.cleanup_context import CleanupContext
from syncd.engine.cleanup_report import CleanupReport
from syncd.store.store import Store
from syncd.systems.learned_limits import LearnedLimits

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine

Cleaner = Callable[[CleanupScope, Store], AbstractAsyncContextManager[CleanupContext]]
"""Opens the dependencies of a cleanup; its systems are separate from those of the engine."""

LONGEST_RATE_WINDOW = 10.0
"""How long the engine waits after a cleanup, in seconds.

The engine does not know the calls that the cleanup made. No platform has a longer rate window that
one more cycle could exceed.
"""


@dataclass(frozen=True, slots=True)
class CleanupSpec:
    """A requested cleanup; ``chosen``, ``by_tag`` and ``who`` as in `engine.cleanup.clean_up`."""

    scope: CleanupScope
    chosen: frozenset[tuple[str, str]] = frozenset()
    by_tag: bool = False
    who: str = ""
    dry_run: bool = False


async def clean_up_in_engine(
    engine: Engine, spec: CleanupSpec, progress: Callable[[str], None]
) -> CleanupReport:
    """Clean up, wait until the engine may make calls again, and return the report.

    A dry run works on a copy of the state in memory. Raises StateError, and RuntimeError if the
    engine has no ``cleaner``.
    """
    if engine.cleaner is None:
        message = "this engine was made without a cleaner"
        raise RuntimeError(message)
    await engine.tasks.drain()
    store = engine.store.in_memory_copy() if spec.dry_run else engine.store
    try:
        async with engine.cleaner(spec.scope, store) as context:
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
        engine.dirty.mark_whole(engine.mapping)
        for system in engine.systems.values():
            # After a crash, the next process has to count these calls.
            LearnedLimits(system.facts).begin()
        await engine.stopping.pause(engine.clock, LONGEST_RATE_WINDOW)
