"""What `status` and `resync` tell of time that is offered although it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from syncd.cli import render, terminal
from syncd.config.settings import Settings
from syncd.core.exposure import Percentiles
from syncd.model import Exposure, ExposureCause, Value

LOOKED_BACK = timedelta(days=7)
"""How far back it is measured how long time was open."""

_MOST_ROWS = 12

_BRIEFLY: Mapping[ExposureCause, str] = {
    ExposureCause.UNCLOSED: "not closed yet",
    ExposureCause.READ_ONLY: "read-only",
    ExposureCause.UNDONE: "block undone",
    ExposureCause.RELEASED: "block released",
    ExposureCause.IGNORED: "block ignored",
    ExposureCause.PAUSED: "paused",
    ExposureCause.OBSERVE: "observe mode",
}
"""Short enough for a row of 80 columns; `_WHY` follows with what helps."""

_WHY: Mapping[ExposureCause, str] = {
    ExposureCause.UNCLOSED: "no block stands there yet",
    ExposureCause.READ_ONLY: "the calendar is read-only for syncd",
    ExposureCause.UNDONE: "its block was taken back by `syncd undo`",
    ExposureCause.RELEASED: "a person moved or removed its block, and the rule lets it be",
    ExposureCause.IGNORED: "a block stands, but does not close it",
    ExposureCause.PAUSED: "a person has paused writing there",
    ExposureCause.OBSERVE: "nothing is written at all, as the configuration says",
}

_REMEDIES: Mapping[ExposureCause, str] = {
    ExposureCause.UNCLOSED: "the next cycle closes it, once the system takes the write",
    ExposureCause.READ_ONLY: "leave out write = false for it, or stop bookings there",
    ExposureCause.RELEASED: "it is closed again when the booking moves (rules.block_edited)",
    ExposureCause.PAUSED: "`syncd unpause NAME` has it closed; until then, stop bookings there",
    ExposureCause.OBSERVE: 'take mode = "observe" out of [syncd] to have it closed',
    ExposureCause.UNDONE: "it is closed again as soon as the booking changes",
}


def print_exposures(
    settings: Settings, found: Sequence[Exposure], zones: Mapping[str, ZoneInfo]
) -> None:
    """Print them, the soonest first, and what helps against each cause."""
    if not found:
        return
    title = f"{render.count(len(found), 'taken interval is', 'taken intervals are')} still offered"
    for zone in dict.fromkeys(zones[e.provider] for e in found[:_MOST_ROWS]):
        rows = [
            (
                e.provider,
                render.interval(Value(e.start, e.end), zone),
                e.system,
                _BRIEFLY[e.cause],
            )
            for e in found[:_MOST_ROWS]
            if zones[e.provider] == zone
        ]
        terminal.table(f"{title} · {zone.key}", ("provider", "taken", "offered by", "why"), rows)
        title = "still offered"
    if len(found) > _MOST_ROWS:
        terminal.say(f"  … and {len(found) - _MOST_ROWS} more (--json lists all)")
    for cause, text in dict.fromkeys((e.cause, remedy(settings, e)) for e in found):
        terminal.say(f"  {_BRIEFLY[cause]}: {_WHY[cause]}. {text}")


def remedy(settings: Settings, exposure: Exposure) -> str:
    """What helps, with the place."""
    where = exposure.system
    if exposure.cause is ExposureCause.IGNORED and (
        seats := ", ".join(filter(None, exposure.seats))
    ):
        where = f"{exposure.system}, calendar {seats}"
    said = _REMEDIES.get(exposure.cause)
    if said is None:
        from syncd.app import ignored_block_remedy  # noqa: PLC0415 - all of syncd, for a rare case

        said = ignored_block_remedy(settings, exposure.system)
    return f"{where}: {said}"


def exposure_json(settings: Settings, exposure: Exposure) -> dict[str, Any]:
    """An exposure as JSON; times are UTC."""
    return {
        "provider": exposure.provider,
        "system": exposure.system,
        "start": render.instant_json(exposure.start),
        "end": render.instant_json(exposure.end),
        "cause": str(exposure.cause),
        "since": render.instant_json(exposure.since),
        "bookings": list(exposure.bookings),
        "calendars": list(exposure.seats),
        "remedy": remedy(settings, exposure),
    }


def percentiles_json(found: Percentiles) -> dict[str, Any]:
    """How long time was open, as JSON; in seconds."""
    return {
        "bookings": found.count,
        "open": found.open,
        "p50": round(found.p50, 1),
        "p95": round(found.p95, 1),
        "max": round(found.longest, 1),
    }


def print_percentiles(found: Percentiles) -> None:
    """Print how long time was open."""
    if not found.count:
        return
    terminal.say(
        "from visible to closed everywhere, last 7 days: "
        f"half within {_span(found.p50)}, 95 % within {_span(found.p95)}, "
        f"longest {_span(found.longest)} ({render.count(found.count, 'booking')})"
    )


def _span(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004
