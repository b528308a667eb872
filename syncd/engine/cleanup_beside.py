"""A cleanup in the process of a running engine, which makes no calls of its own meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.core.cleanup import Scope
from syncd.engine.cleaned import Cleaned
from syncd.engine.cleanup import clean_up
from syncd.engine.cleanup_job import Cleaning
from syncd.store.store import Store
from syncd.systems.learned import Learned

if TYPE_CHECKING:
    from syncd.engine.cycle import Engine

Cleaner = Callable[[Scope, Store], AbstractAsyncContextManager[Cleaning]]
"""Opens what a cleanup of a state works with; its systems are not those of the engine."""

WINDOW = 10.0
"""Seconds that the engine waits afterwards: no platform counts the calls of a longer window that
one more cycle could exceed, and it does not know of the calls that the cleanup made."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants cleaned up; ``chosen`` as in `engine.cleanup`, ``who`` has said so."""

    scope: Scope
    chosen: frozenset[tuple[str, str]] = frozenset()
    by_tag: bool = False
    who: str = ""
    dry_run: bool = False


async def clean_up_beside(
    engine: Engine, wanted: Wanted, progress: Callable[[str], None]
) -> Cleaned:
    """Clean up, then wait until the engine may make calls again. Raises StateError."""
    if engine.cleaner is None:
        message = "this engine was made without a cleaner"
        raise RuntimeError(message)
    await engine.lanes.finish()
    store = engine.store.scratch() if wanted.dry_run else engine.store
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
        engine.agenda.add(engine.mapping)
        for system in engine.systems.values():
            Learned(system.facts).begin()  # it may die, and nobody would know of its calls
        await engine.stopping.pause(engine.clock, WINDOW)
