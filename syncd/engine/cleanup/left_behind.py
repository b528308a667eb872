"""Find our blocks in calendars that were removed from the configuration."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text

from syncd.engine.context import Context
from syncd.model import Intent, IntentState
from syncd.store.queries.left_behind import (
    FOUND_MAPPING,
    OUR_BLOCKS_SQL,
    LeftBehind,
    left_behind,
    removed_part,
)
from syncd.store.tables.timestamps import instant_text

_LEFT_BEHIND = text(OUR_BLOCKS_SQL)


def report_left_behind(ctx: Context) -> list[LeftBehind]:
    """Return our blocks per calendar that was removed from the configuration. Raises StateError."""
    now = instant_text(ctx.clock.now())
    found = [(b.provider, b.system) for b in ctx.store.baselines() if b.mapping == FOUND_MAPPING]
    rows = ctx.store.query_once(_LEFT_BEHIND.bindparams(now=now))
    return list(left_behind(rows, ctx.mapping, ctx.systems, found))


def unreachable_blocks(ctx: Context, intents: Iterable[Intent]) -> list[LeftBehind]:
    """Return which of these writes an undo cannot revert, counted per calendar.

    These are finished writes in calendars that were removed from the configuration.
    """
    found: dict[tuple[str, str], dict[str | None, Intent]] = {}
    for intent in intents:
        operation = intent.operation
        if intent.state is IntentState.DONE and not _is_mapped(ctx, intent):
            found.setdefault((operation.provider, operation.system), {})[operation.event] = intent
    named = []
    for (provider, system), writes in sorted(found.items()):
        gone = removed_part(provider, system, ctx.mapping, ctx.systems)
        values = [i.operation.after or i.operation.before for i in writes.values()]
        shown = [v for v in values if v is not None and v.end > ctx.clock.now()]
        if gone is not None and shown:
            first, last = min(v.start for v in shown), max(v.end for v in shown)
            named.append(LeftBehind(provider, system, gone, len(shown), first, last))
    return named


def _is_mapped(ctx: Context, intent: Intent) -> bool:
    operation = intent.operation
    return removed_part(operation.provider, operation.system, ctx.mapping, ctx.systems) is None
