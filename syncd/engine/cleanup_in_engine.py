"""A cleanup in the process of a running engine, which makes no calls of its own meanwhile."""

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
"""Opens what a cleanup of a state works with; its systems are not those of the engine."""

LONGEST_RATE_WINDOW = 10.0
"""Seconds that the engine waits afterwards: no platform counts the calls of a longer window that
one more cycle could exceed, and it does not know of the calls that the cleanup made."""


@dataclass(frozen=True, slots=True)
class CleanupSpec:
    """What a person wants cleaned up; ``chosen`` as in `engine.cleanup`, ``who`` has said so."""

    scope: CleanupScope
    chosen: frozenset[tuple[str, str]] = frozenset()
    by_tag: bool = False
    who: str = ""
    dry_run: bool = False


async def clean_up_in_engine(
    engine: Engine, wanted: CleanupSpec, progress: Callable[[str], None]
) -> CleanupReport:
    """Clean up, then wait until the engine may make calls again. Raises StateError."""
    if engine.cleaner is None:
        message = "this engine was made without a cleaner"
        raise RuntimeError(message)
    await engine.tasks.drain()
    store = engine.store.in_memory_copy() if wanted.dry_run else engine.store
    try:
        async with engine.cleaner(wanted.scope, store) as job:
            return await clean_up(
                job,
                dry_run=wanted.dry_run,
                chosen=wanted.chosen,
                by_tag=wanted.by_tag,
                who=wanted.who,
                progress=progress,
            )
    finally:
        if wanted.dry_run:
            store.close()
        # What was read is stored, and no news to the next read.
        engine.dirty.mark_whole(engine.mapping)
        for system in engine.systems.values():
            LearnedLimits(system.facts).begin()  # it may die, and nobody would know of its calls
        await engine.stopping.pause(engine.clock, LONGEST_RATE_WINDOW)
