"""What the state says of double bookings and of blocks left behind, for `status` and `check`."""

from __future__ import annotations

from typing import Any

from syncd.cli import render
from syncd.config.settings import Settings
from syncd.model import HeldConflict
from syncd.model.summary import acknowledgement_of
from syncd.store.left_behind import FOUND_MAPPING, LeftBehind, left_behind
from syncd.store.status_query import StatusSnapshot


def left_behind_in(settings: Settings, seen: StatusSnapshot) -> list[LeftBehind]:
    """Return the blocks of who or what left the configuration."""
    mapping = {name: p.calendars for name, p in settings.providers.items()}
    found = [place for place, mapped in seen.mapped.items() if mapped == FOUND_MAPPING]
    return list(left_behind(seen.our_blocks, mapping, settings.systems, found))


def kept_providers(settings: Settings, seen: StatusSnapshot) -> set[str]:
    """Return who is kept in sync: the configured providers, and what rooms close."""
    return {
        *settings.providers,
        *(p for (p, _), mapped in seen.mapped.items() if mapped == FOUND_MAPPING),
    }


def double_booked_json(held: HeldConflict, seen: StatusSnapshot) -> dict[str, Any]:
    """One entry of ``double_booked`` in `status --json`: its keys are stable."""
    mark = acknowledgement_of(held, seen.acknowledgements)
    return {
        "id": held.id,
        "provider": held.conflict.provider,
        "held": held.conflict.held,
        "since": render.instant_json(held.opened_at),
        "meetings": [
            {
                "system": claim.system,
                "event": claim.event,
                **(render.value_json(claim.value) or {"start": None, "end": None, "status": None}),
            }
            for claim in held.conflict.claims
        ],
        "acknowledged_at": render.instant_json(mark.at if mark else None),
    }
