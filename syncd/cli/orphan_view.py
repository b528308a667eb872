"""Lines and JSON on orphans: blocks with a tag that this state does not know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncd.cli import render
from syncd.cli.options import zone_of
from syncd.config.settings import Settings
from syncd.model import Value
from syncd.store.queries.status_query import OrphanBlock

_MAX_LISTED = 5


def orphan_lines(settings: Settings, orphans: Sequence[OrphanBlock]) -> list[str]:
    """Return lines on the blocks with an unknown tag; name the first few."""
    if not orphans:
        return []
    number = render.count(len(orphans), "block has", "blocks have")
    heading = (
        f"{number} a syncd tag that this state does not know (from a lost or restored state, or "
        "another syncd). syncd does not change them; delete by hand those that are not needed:"
    )
    lines = [heading]
    for each in orphans[:_MAX_LISTED]:
        when = render.value(Value(each.start, each.end), zone_of(settings, each.provider))
        lines.append(f"  {each.system} {each.event}: {each.provider}, {when}")
    if len(orphans) > _MAX_LISTED:
        lines.append(f"  and {len(orphans) - _MAX_LISTED} more: `syncd status --json` lists all")
    return lines


def orphan_json(orphan: OrphanBlock) -> dict[str, Any]:
    """Return one entry of ``orphaned`` in `status --json`; times are UTC."""
    return {
        "provider": orphan.provider,
        "system": orphan.system,
        "event": orphan.event,
        "start": render.instant_json(orphan.start),
        "end": render.instant_json(orphan.end),
    }
