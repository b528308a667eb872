"""What the state says is left: for `status`, its exit code, and `check`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from syncd.cli import words
from syncd.cli.standing import Standing
from syncd.config.settings import Settings
from syncd.engine.report import Left, Stop, UnknownOwners, left_of_items
from syncd.model import ConflictKind, HeldConflict
from syncd.model.summary import acknowledged
from syncd.store.glance import Glance
from syncd.store.left_behind import FOUND, LeftBehind, left_behind


def left_in(
    seen: Glance, systems: Mapping[str, Standing], unknown: Collection[UnknownOwners]
) -> dict[Left, int]:
    """Count what is left as the state stands, by kind; what is not left is not named."""
    held = [h for h in seen.conflicts if h.conflict.held]
    silent = [s for s in systems.values() if s.health is not None and not s.health.state.answers]
    found = {
        Left.STOPPED: len(stops_in(seen)),
        Left.SYSTEMS: len(silent),
        Left.UNKNOWN_OWNERS: len(unknown),
        Left.WRITES: seen.counts["intents"],
        Left.CONFLICTS: sum(h.conflict.kind is not ConflictKind.GUARD for h in held),
        Left.DOUBLE_BOOKINGS: sum(
            not h.conflict.held and acknowledged(h, seen.marks) is None for h in seen.conflicts
        ),
        Left.EXPOSURES: len(seen.exposures),
        **left_of_items(seen.items),
    }
    return {kind: found[kind] for kind in Left if found.get(kind)}


def stops_in(seen: Glance) -> list[Stop]:
    """Return the stops of the guard."""
    return [
        Stop(h.conflict.subject.split("/")[0], h.conflict.provider, h.run, len(h.conflict.claims))
        for h in seen.conflicts
        if h.conflict.held and h.conflict.kind is ConflictKind.GUARD
    ]


def acknowledged_in(seen: Glance) -> int:
    """Count what persons have acknowledged."""
    known = sum(acknowledged(h, seen.marks) is not None for h in seen.conflicts)
    return known + sum(item.acknowledged_at is not None for item in seen.items)


def left_behind_in(settings: Settings, seen: Glance) -> list[LeftBehind]:
    """Return the blocks of who or what left the configuration."""
    mapping = {name: p.calendars for name, p in settings.providers.items()}
    found = [place for place, mapped in seen.mapped.items() if mapped == FOUND]
    return list(left_behind(seen.standing, mapping, settings.systems, found))


def double_booked_json(held: HeldConflict, seen: Glance) -> dict[str, Any]:
    """One entry of ``double_booked`` in `status --json`: its keys are stable."""
    mark = acknowledged(held, seen.marks)
    return {
        "id": held.id,
        "provider": held.conflict.provider,
        "held": held.conflict.held,
        "since": words.instant_json(held.opened_at),
        "meetings": [
            {
                "system": claim.system,
                "event": claim.event,
                **(words.value_json(claim.value) or {"start": None, "end": None, "status": None}),
            }
            for claim in held.conflict.claims
        ],
        "acknowledged_at": words.instant_json(mark.at if mark else None),
    }
