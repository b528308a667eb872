"""Tables and JSON on busy time that can still be booked, for `status` and `resync`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from syncd.cli import render, terminal
from syncd.config.settings import Settings
from syncd.core.availability.exposure import Percentiles
from syncd.model import Exposure, ExposureCause, Value

PERCENTILES_SPAN = timedelta(days=7)
"""How far back bookings count in the percentiles of the time to block."""

_MAX_ROWS = 12

_SHORT_CAUSES: Mapping[ExposureCause, str] = {
    ExposureCause.UNCLOSED: "not blocked yet",
    ExposureCause.READ_ONLY: "read-only",
    ExposureCause.UNDONE: "block undone",
    ExposureCause.RELEASED: "block released",
    ExposureCause.IGNORED: "block ignored",
    ExposureCause.PAUSED: "paused",
    ExposureCause.OBSERVE: "observe mode",
}
"""Causes that are short enough for a table of 80 columns; `_CAUSES` has the full texts."""

_CAUSES: Mapping[ExposureCause, str] = {
    ExposureCause.UNCLOSED: "there is no block yet",
    ExposureCause.READ_ONLY: "the calendar is read-only for syncd",
    ExposureCause.UNDONE: "`syncd undo` removed the block",
    ExposureCause.RELEASED: "somebody on the platform moved or removed the block, and the rule "
    "block_edited accepts that",
    ExposureCause.IGNORED: "there is a block, but the time can still be booked",
    ExposureCause.PAUSED: "the operator has paused writes to the calendar",
    ExposureCause.OBSERVE: 'mode = "observe" is set in [syncd], so syncd writes nothing',
}

_REMEDIES: Mapping[ExposureCause, str] = {
    ExposureCause.UNCLOSED: "the next cycle blocks the time, if the system accepts the write",
    ExposureCause.READ_ONLY: "remove write = false from the configuration, or stop bookings in "
    "that system",
    ExposureCause.RELEASED: "syncd blocks the time again when the booking moves "
    "(rules.block_edited)",
    ExposureCause.PAUSED: "run `syncd unpause NAME` to block the time; until then, stop bookings "
    "in that system",
    ExposureCause.OBSERVE: 'remove mode = "observe" from [syncd] to have the time blocked',
    ExposureCause.UNDONE: "syncd blocks the time again when the booking changes",
}


def print_exposures(
    settings: Settings, exposures: Sequence[Exposure], zones: Mapping[str, ZoneInfo]
) -> None:
    """Print exposures, the soonest first, and the remedy for each cause.

    ``zones`` has the time zone of each provider.
    """
    if not exposures:
        return
    title = f"{render.count(len(exposures), 'busy interval')} can still be booked"
    for zone in dict.fromkeys(zones[e.provider] for e in exposures[:_MAX_ROWS]):
        rows = [
            (
                e.provider,
                render.interval(Value(e.start, e.end), zone),
                e.system,
                _SHORT_CAUSES[e.cause],
            )
            for e in exposures[:_MAX_ROWS]
            if zones[e.provider] == zone
        ]
        terminal.table(f"{title} · {zone.key}", ("provider", "busy", "offered by", "cause"), rows)
        title = "can still be booked"
    if len(exposures) > _MAX_ROWS:
        terminal.say(f"  … and {len(exposures) - _MAX_ROWS} more (--json lists all)")
    for cause, text in dict.fromkeys((e.cause, _remedy(settings, e)) for e in exposures):
        terminal.say(f"  {_SHORT_CAUSES[cause]}: {_CAUSES[cause]}. {text}")


def _remedy(settings: Settings, exposure: Exposure) -> str:
    where = exposure.system
    if exposure.cause is ExposureCause.IGNORED and (
        calendars := ", ".join(filter(None, exposure.calendars))
    ):
        where = f"{exposure.system}, calendar {calendars}"
    remedy = _REMEDIES.get(exposure.cause)
    if remedy is None:
        from syncd.app import ignored_block_remedy  # noqa: PLC0415 - large, and rarely needed

        remedy = ignored_block_remedy(settings, exposure.system)
    return f"{where}: {remedy}"


def exposure_json(settings: Settings, exposure: Exposure) -> dict[str, Any]:
    """Return an exposure as JSON; times are UTC."""
    return {
        "provider": exposure.provider,
        "system": exposure.system,
        "start": render.instant_json(exposure.start),
        "end": render.instant_json(exposure.end),
        "cause": str(exposure.cause),
        "since": render.instant_json(exposure.since),
        "bookings": list(exposure.bookings),
        "calendars": list(exposure.calendars),
        "remedy": _remedy(settings, exposure),
    }


def percentiles_json(delays: Percentiles) -> dict[str, Any]:
    """Return the percentiles of the time to block as JSON, in seconds."""
    return {
        "bookings": delays.count,
        "open": delays.open,
        "p50": round(delays.p50, 1),
        "p95": round(delays.p95, 1),
        "max": round(delays.longest, 1),
    }


def print_percentiles(delays: Percentiles) -> None:
    """Print the percentiles of the time until a booking was blocked in all other systems."""
    if not delays.count:
        return
    terminal.say(
        "time to block elsewhere, last 7 days: "
        f"median {_span(delays.p50)}, p95 {_span(delays.p95)}, "
        f"max {_span(delays.longest)} ({render.count(delays.count, 'booking')})"
    )


def _span(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004
