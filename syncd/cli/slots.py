"""`syncd slots`: when a provider can be booked everywhere, and where systems differ."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from syncd.app import RealClock, build_systems
from syncd.cli import render, terminal
from syncd.cli.inspect import open_state
from syncd.cli.learned_limits import load_known_limits
from syncd.cli.options import (
    ConfigOption,
    FromOption,
    JsonOption,
    ToOption,
    UsageError,
    chosen,
    settings_of,
    span,
    zone_of,
)
from syncd.config.settings import Settings
from syncd.core.availability import OfferComparison, OfferDifference, compare_offers
from syncd.engine.free_slots import read_slots
from syncd.model import Availability, Value, Window
from syncd.store.availability import availabilities

_MOST_ROWS = 60
"""So many differences are listed one by one; the rest is counted."""

_NEVER = datetime.max.replace(tzinfo=UTC)


def slots(
    context: typer.Context,
    *,
    provider: Annotated[
        str, typer.Option("--provider", "-p", metavar="NAME", help="The person, room or equipment.")
    ],
    start: FromOption = None,
    end: ToOption = None,
    fresh: bool = typer.Option(
        False, "--fresh", help="Ask the systems now, instead of showing their last answers."
    ),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Tell when a provider can be booked in all systems, and where they differ and why.

    The systems are asked for free slots by the daemon every 15 minutes, and by each resync. A time
    that one system offers although the provider is busy in another is marked.
    """
    settings = settings_of(context, config, secrets=fresh)
    chosen(settings, provider)
    window = span(settings, start, end)
    store = open_state(settings)
    try:
        stored = availabilities(store, provider)
        records = store.state(provider).records
    finally:
        store.close()
    systems = sorted(settings.providers[provider].calendars)
    if fresh:
        asked = asyncio.run(_ask_now(settings, provider, quiet=as_json))
    else:
        asked = [stored[provider, name] for name in systems if (provider, name) in stored]
    now = datetime.now(UTC)
    ahead = (
        Window(max(now, window.start), window.end)
        if window
        else Window(now, datetime.max.replace(tzinfo=UTC))
    )
    if ahead.start >= ahead.end:
        raise UsageError("that time is over", "Name a day that is still to come with --to.")
    found = compare_offers(asked, records, ahead)
    if as_json:
        terminal.print_json(_json(provider, systems, asked, found))
        return
    zone = zone_of(settings, provider)
    _say_asked(systems, asked, now, zone)
    if found is not None:
        _say_found(provider, found, zone)


async def _ask_now(settings: Settings, provider: str, *, quiet: bool) -> list[Availability]:
    found = build_systems(settings, RealClock())
    load_known_limits(settings.syncd.state_path, found)
    wanted = [found[name] for name in sorted(settings.providers[provider].calendars)]
    try:
        with terminal.progress("asking for free slots", quiet=quiet):
            return list(
                await asyncio.gather(*(read_slots(s, provider, RealClock()) for s in wanted))
            )
    finally:
        await asyncio.gather(*(system.aclose() for system in found.values()))


def _say_asked(
    systems: Sequence[str], asked: Sequence[Availability], now: datetime, zone: ZoneInfo
) -> None:
    known = {free.system: free for free in asked}
    for name in systems:
        free = known.get(name)
        if free is None:
            terminal.warn(
                f"{name} was not asked for free slots yet: `syncd resync` does, or --fresh now"
            )
        elif not free.known:
            terminal.warn(f"{name} does not tell: {free.fault}")
        else:
            until = render.moment(free.window.end, zone)
            terminal.say(f"{name}: asked {render.ago(free.asked_at, now)}, up to {until}")
            if free.fault:
                terminal.warn(f"{name} did not answer since: {free.fault}")


def _say_found(provider: str, found: OfferComparison, zone: ZoneInfo) -> None:
    rows = [(render.interval(Value(w.start, w.end), zone),) for w in found.everywhere]
    if rows:
        columns = ("can be booked in all systems",)
        terminal.table(f"{provider} · {zone.key}", columns, rows[:_MOST_ROWS])
    else:
        terminal.say(f"there is no time at which {provider} can be booked in all systems")
    _say_more(len(rows))
    differing = [
        (
            render.interval(Value(d.start, d.end), zone),
            ", ".join(d.offered),
            "; ".join(f"{system}: {why}" for system, why in d.closed),
            "taken, but offered" if d.taken else "",
        )
        for d in found.differences
    ]
    if differing:
        headings = ("differs", "offered by", "not by", "")
        terminal.table(f"{provider} · {zone.key}", headings, differing[:_MOST_ROWS])
        _say_more(len(differing))
    taken = sum(d.taken for d in found.differences)
    terminal.say(
        f"{render.count(taken, 'span is', 'spans are')} offered although taken: see `syncd status`"
        if taken
        else "no time is offered that is taken elsewhere"
    )


def _say_more(number: int) -> None:
    if number > _MOST_ROWS:
        terminal.say(f"  … and {number - _MOST_ROWS} more (--json lists all)")


def _json(
    provider: str,
    systems: Sequence[str],
    asked: Sequence[Availability],
    found: OfferComparison | None,
) -> dict[str, Any]:
    known = {free.system: free for free in asked}
    return {
        "provider": provider,
        "systems": {
            name: {
                "asked_at": render.instant_json(known[name].asked_at) if name in known else None,
                "until": render.instant_json(known[name].window.end) if name in known else None,
                "fault": known[name].fault if name in known else "",
            }
            for name in systems
        },
        "bookable": [_span_json(w) for w in found.everywhere] if found else [],
        "differences": [_difference_json(d) for d in found.differences] if found else [],
    }


def _span_json(found: Window | OfferDifference) -> dict[str, Any]:
    return {"start": render.instant_json(found.start), "end": render.instant_json(found.end)}


def _difference_json(found: OfferDifference) -> dict[str, Any]:
    return {
        **_span_json(found),
        "offered": list(found.offered),
        "closed": {system: str(why) for system, why in found.closed},
        "taken": found.taken,
    }
