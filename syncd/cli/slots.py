"""`syncd slots`: show when a provider can be booked in all systems, and where they differ."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from syncd.accounts import build_systems
from syncd.cli import render, terminal
from syncd.cli.inspect import open_state
from syncd.cli.learned_limits import load_known_limits
from syncd.cli.options import (
    ConfigOption,
    FromOption,
    JsonOption,
    ToOption,
    UsageError,
    chosen_providers,
    parse_window,
    settings_of,
    zone_of,
)
from syncd.config.settings import Settings
from syncd.core.availability.offers import OfferComparison, OfferDifference, compare_offers
from syncd.engine.availability.free_slots import read_slots
from syncd.machine import RealClock
from syncd.model import Availability, Value, Window
from syncd.store.queries.availability import availabilities

_MAX_ROWS = 60
"""The number of rows that are listed; further rows are counted."""


def slots(
    context: typer.Context,
    *,
    provider: Annotated[
        str,
        typer.Option(
            "--provider", "-p", metavar="NAME", help="A provider (a human, room or equipment)."
        ),
    ],
    start: FromOption = None,
    end: ToOption = None,
    fresh: bool = typer.Option(
        False, "--fresh", help="Read free slots now instead of showing the last read."
    ),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show when a provider can be booked in all systems, and where and why they differ.

    The daemon reads free slots every 15 minutes, and each resync reads them too. A slot that one
    system offers although the provider is busy in another is marked.
    """
    settings = settings_of(context, config, secrets=fresh)
    chosen_providers(settings, provider)
    window = parse_window(settings, start, end)
    store = open_state(settings)
    try:
        stored = availabilities(store, provider)
        records = store.state(provider).records
    finally:
        store.close()
    systems = sorted(settings.providers[provider].calendars)
    if fresh:
        offers = asyncio.run(_read_now(settings, provider, quiet=as_json))
    else:
        offers = [stored[provider, name] for name in systems if (provider, name) in stored]
    now = datetime.now(UTC)
    ahead = (
        Window(max(now, window.start), window.end)
        if window
        else Window(now, datetime.max.replace(tzinfo=UTC))
    )
    if ahead.start >= ahead.end:
        raise UsageError("the window is in the past", "Use a future day for --to.")
    comparison = compare_offers(offers, records, ahead)
    if as_json:
        terminal.print_json(_json(provider, systems, offers, comparison))
        return
    zone = zone_of(settings, provider)
    _show_systems(systems, offers, now, zone)
    if comparison is not None:
        _show_comparison(provider, comparison, zone)


async def _read_now(settings: Settings, provider: str, *, quiet: bool) -> list[Availability]:
    systems = build_systems(settings, RealClock())
    load_known_limits(settings.syncd.state_path, systems)
    wanted = [systems[name] for name in sorted(settings.providers[provider].calendars)]
    try:
        with terminal.progress("reading free slots", quiet=quiet):
            return list(
                await asyncio.gather(*(read_slots(s, provider, RealClock()) for s in wanted))
            )
    finally:
        await asyncio.gather(*(system.aclose() for system in systems.values()))


def _show_systems(
    systems: Sequence[str], offers: Sequence[Availability], now: datetime, zone: ZoneInfo
) -> None:
    known = {free.system: free for free in offers}
    for name in systems:
        free = known.get(name)
        if free is None:
            terminal.warn(
                f"{name}: free slots were not read yet: run `syncd resync`, or add --fresh"
            )
        elif not free.known:
            terminal.warn(f"{name}: free slots could not be read: {free.fault}")
        else:
            until = render.moment(free.window.end, zone)
            terminal.say(f"{name}: read {render.ago(free.asked_at, now)}, up to {until}")
            if free.fault:
                terminal.warn(f"{name}: the latest read failed: {free.fault}")


def _show_comparison(provider: str, comparison: OfferComparison, zone: ZoneInfo) -> None:
    rows = [(render.interval(Value(w.start, w.end), zone),) for w in comparison.everywhere]
    if rows:
        columns = ("bookable in all systems",)
        terminal.table(f"{provider} · {zone.key}", columns, rows[:_MAX_ROWS])
    else:
        terminal.say(f"there is no time at which {provider} can be booked in all systems")
    _show_omitted(len(rows))
    differing = [
        (
            render.interval(Value(d.start, d.end), zone),
            ", ".join(d.offered),
            "; ".join(f"{system}: {why}" for system, why in d.closed),
            "busy, but offered" if d.taken else "",
        )
        for d in comparison.differences
    ]
    if differing:
        headings = ("time", "offered by", "not offered by", "note")
        terminal.table(f"{provider} · {zone.key}", headings, differing[:_MAX_ROWS])
        _show_omitted(len(differing))
    taken = sum(d.taken for d in comparison.differences)
    terminal.say(
        f"{render.count(taken, 'busy slot')} can still be booked: see `syncd status`"
        if taken
        else "no system offers a time that is busy elsewhere"
    )


def _show_omitted(number: int) -> None:
    if number > _MAX_ROWS:
        terminal.say(f"  … and {number - _MAX_ROWS} more (--json lists all)")


def _json(
    provider: str,
    systems: Sequence[str],
    offers: Sequence[Availability],
    comparison: OfferComparison | None,
) -> dict[str, Any]:
    known = {free.system: free for free in offers}
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
        "bookable": [_span_json(w) for w in comparison.everywhere] if comparison else [],
        "differences": [_difference_json(d) for d in comparison.differences] if comparison else [],
    }


def _span_json(span: Window | OfferDifference) -> dict[str, Any]:
    return {"start": render.instant_json(span.start), "end": render.instant_json(span.end)}


def _difference_json(difference: OfferDifference) -> dict[str, Any]:
    return {
        **_span_json(difference),
        "offered": list(difference.offered),
        "closed": {system: str(why) for system, why in difference.closed},
        "taken": difference.taken,
    }
