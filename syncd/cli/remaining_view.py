"""Double bookings and blocks left behind, for `syncd status` and `syncd check`."""

from __future__ import annotations

from typing import Any

from syncd.cli import render
from syncd.config.settings import Settings
from syncd.model import StoredConflict
from syncd.model.summary import acknowledgement_of
from syncd.store.queries.left_behind import FOUND_MAPPING, LeftBehind, left_behind
from syncd.store.queries.status_query import StatusSnapshot


def left_behind_in(settings: Settings, seen: StatusSnapshot) -> list[LeftBehind]:
    """Return the blocks whose provider, system or calendar is no longer configured."""
    mapping = {name: p.calendars for name, p in settings.providers.items()}
    resources = [calendar for calendar, mapped in seen.mapped.items() if mapped == FOUND_MAPPING]
    return list(left_behind(seen.our_blocks, mapping, settings.systems, resources))


def synced_providers(settings: Settings, seen: StatusSnapshot) -> set[str]:
    """Return the synced providers: configured ones, and calendars that a room or device blocks."""
    return {
        *settings.providers,
        *(p for (p, _), mapped in seen.mapped.items() if mapped == FOUND_MAPPING),
    }


def double_booked_json(double_booking: StoredConflict, seen: StatusSnapshot) -> dict[str, Any]:
    """Return an entry of ``double_booked`` in `status --json`; keys are stable."""
    acknowledgement = acknowledgement_of(double_booking, seen.acknowledgements)
    return {
        "id": double_booking.id,
        "provider": double_booking.conflict.provider,
        "held": double_booking.conflict.held,
        "since": render.instant_json(double_booking.opened_at),
        "meetings": [
            {
                "system": claim.system,
                "event": claim.event,
                **(render.value_json(claim.value) or {"start": None, "end": None, "status": None}),
            }
            for claim in double_booking.conflict.claims
        ],
        "acknowledged_at": render.instant_json(acknowledgement.at if acknowledgement else None),
    }
