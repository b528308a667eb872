"""What `status` and `resync` tell of time that is offered although it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from syncd.cli import terminal, words
from syncd.config.settings import Settings
from syncd.core.exposure import Spread
from syncd.model import Cause, Exposure, Value

LOOKED_BACK = timedelta(days=7)
"""How far back it is measured how long time was open."""

_MOST_ROWS = 12

_BRIEFLY: Mapping[Cause, str] = {
    Cause.UNCLOSED: "not closed yet",
    Cause.READ_ONLY: "read-only",
    Cause.UNDONE: "block undone",
    Cause.RELEASED: "block released",
    Cause.IGNORED: "block ignored",
    Cause.PAUSED: "paused",
    Cause.OBSERVE: "observe mode",
}
"""Short enough for a row of 80 columns; `_WHY` follows with what helps."""

_WHY: Mapping[Cause, str] = {
    Cause.UNCLOSED: "no block stands there yet",
    Cause.READ_ONLY: "the calendar is read-only for syncd",
    Cause.UNDONE: "its block was taken back by `syncd undo`",
    Cause.RELEASED: "a person moved or removed its block, and the rule lets it be",
    Cause.IGNORED: "a block stands, but does not close it",
    Cause.PAUSED: "a person has paused writing there",
    Cause.OBSERVE: "nothing is written at all, as the configuration says",
}

_REMEDIES: Mapping[Cause, str] = {
    Cause.UNCLOSED: "the next cycle closes it, once the system takes the write",
    Cause.READ_ONLY: "leave out write = false for it, or stop bookings there",
    Cause.RELEASED: "it is closed again when the booking moves (rules.block_edited)",
    Cause.PAUSED: "`syncd unpause NAME` has it closed; until then, stop bookings there",
    Cause.OBSERVE: 'take mode = "observe" out of [syncd] to have it closed',
    Cause.UNDONE: "it is closed again as soon as the booking changes",
}


def say_exposures(
    settings: Settings, found: Sequence[Exposure], zones: Mapping[str, ZoneInfo]
) -> None:
    """Print them, the soonest first, and what helps against each cause."""
    if not found:
        return
    title = f"{words.count(len(found), 'taken interval is', 'taken intervals are')} still offered"
    for zone in dict.fromkeys(zones[e.provider] for e in found[:_MOST_ROWS]):
        rows = [
            (
                e.provider,
                words.interval(Value(e.start, e.end), zone),
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
    if exposure.cause is Cause.IGNORED and (seats := ", ".join(filter(None, exposure.seats))):
        where = f"{exposure.system}, calendar {seats}"
    said = _REMEDIES.get(exposure.cause)
    if said is None:
        from syncd.wiring import remedy_of  # noqa: PLC0415 - all of syncd, for a rare case

        said = remedy_of(settings, exposure.system)
    return f"{where}: {said}"


def exposure_json(settings: Settings, exposure: Exposure) -> dict[str, Any]:
    """An exposure as JSON; times are UTC."""
    return {
        "provider": exposure.provider,
        "system": exposure.system,
        "start": words.instant_json(exposure.start),
        "end": words.instant_json(exposure.end),
        "cause": str(exposure.cause),
        "since": words.instant_json(exposure.since),
        "bookings": list(exposure.bookings),
        "calendars": list(exposure.seats),
        "remedy": remedy(settings, exposure),
    }


def spread_json(found: Spread) -> dict[str, Any]:
    """How long time was open, as JSON; in seconds."""
    return {
        "bookings": found.count,
        "open": found.open,
        "p50": round(found.p50, 1),
        "p95": round(found.p95, 1),
        "max": round(found.longest, 1),
    }


def say_spread(found: Spread) -> None:
    """Print how long time was open."""
    if not found.count:
        return
    terminal.say(
        "from visible to closed everywhere, last 7 days: "
        f"half within {_span(found.p50)}, 95 % within {_span(found.p95)}, "
        f"longest {_span(found.longest)} ({words.count(found.count, 'booking')})"
    )


def _span(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004
