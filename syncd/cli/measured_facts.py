"""What was measured of the systems' platforms, for `check` and `status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from syncd.cli import render
from syncd.config.settings import Settings
from syncd.model import Fact
from syncd.model.platform_facts import NO, YES, MeasuredBy, PlatformKind
from syncd.systems.measured import REMEASURE_AFTER, FactStatus, Side, fact_statuses
from syncd.systems.port import CheckResult

COLUMNS = ("system", "fact", "value", "since", "")
TITLE = "what was measured of the platforms (docs/platform-facts.md)"

_SAID: Mapping[tuple[str, str, str], tuple[str, str, str]] = {
    (PlatformKind.V2, "lists_service_bookings", NO): (
        "warning",
        "its lists do not show bookings of service menus: their time stays open elsewhere",
        "Have people book calendars instead of service menus",
    ),
    (PlatformKind.V2, "block_closes_calendars", NO): (
        "note",
        "a user's block does not close every calendar of that user",
        "Map each calendar that must be closed; `syncd status` lists what is still offered",
    ),
    (PlatformKind.V2, "version_v3", YES): (
        "note",
        "it also accepts the header `Version: v3`, which syncd does not use",
        "",
    ),
    (PlatformKind.V1, "makes_blocks", NO): (
        "warning",
        "event blocks cannot be made there",
        'Set blocks = "hold" and hold_email in [systems.{system}]',
    ),
}
"""What `check` says of a measured value: level, message, remedy."""

_SERVICES_UNKNOWN = (
    "it is not known whether its lists show bookings of service menus; if they do not, the time of "
    "such bookings stays open elsewhere"
)
_LEAVES_OPEN: Mapping[tuple[str, str], tuple[str, str, str]] = {
    (PlatformKind.V2, "lists_service_bookings"): (
        _SERVICES_UNKNOWN,
        "its lists do not show bookings of service menus: their time stays open elsewhere",
        "while such a booking stands, or have people book calendars instead",
    ),
}
"""Facts whose safe side leaves time open: what is said until it is measured, where it is measured
"no", and when to probe."""


def standing_facts(settings: Settings, facts: Sequence[Fact]) -> dict[str, Sequence[FactStatus]]:
    """Return each configured system's facts as they stand."""
    return {
        name: fact_statuses(system.type, [fact for fact in facts if fact.system == name])
        for name, system in sorted(settings.systems.items())
    }


def facts_json(found: Sequence[FactStatus]) -> list[dict[str, Any]]:
    """Return stable keys; times are UTC."""
    return [
        {
            "name": each.name,
            "value": each.value,
            "side": str(each.side),
            "measured_at": render.instant_json(each.at if each.side is Side.MEASURED else None),
            "contradicted_at": render.instant_json(
                each.at if each.side is Side.CONTRADICTED else None
            ),
        }
        for each in found
    ]


def rows(found: Mapping[str, Sequence[FactStatus]]) -> list[tuple[str, ...]]:
    """Return the lines of the table with `COLUMNS`: what was measured, and contradicted since."""
    return [
        (
            system,
            each.name,
            each.value,
            "" if each.at is None else f"{each.at:%Y-%m-%d}",
            "contradicted: the safe side counts" if each.side is Side.CONTRADICTED else "",
        )
        for system, stands in found.items()
        for each in stands
        if each.side is not Side.SAFE
    ]


def findings(found: Mapping[str, Sequence[FactStatus]], now: datetime) -> Iterator[CheckResult]:
    """Say what a person can do: probe for the first time or anew, and what a value means."""
    for system, stands in found.items():
        probe = f"Run `syncd probe {system}`"
        if not any(_is_probed(each) for each in stands):
            yield CheckResult(
                "note",
                system,
                "no probe has measured this account yet: the safe side of each fact is assumed",
                probe,
            )
        if old := [each for each in stands if _is_old(each, now)]:
            yield CheckResult(
                "warning",
                system,
                f"measured more than {REMEASURE_AFTER.days} days ago: {_names(old)}",
                probe,
            )
        if dropped := [each for each in stands if each.side is Side.CONTRADICTED]:
            yield CheckResult(
                "warning",
                system,
                "an answer contradicted what was measured, so the safe side is assumed: "
                + _names(dropped),
                probe,
            )
        for each in _unknown(stands):
            message, _, when = _LEAVES_OPEN[each.row.platform, each.name]
            yield CheckResult("note", system, message, f"{probe} {when}")
        for each in stands:
            said = _SAID.get((each.row.platform, each.name, each.value))
            if said is not None and each.side is Side.MEASURED:
                level, message, remedy = said
                yield CheckResult(level, system, message, remedy.format(system=system))


def lines(found: Mapping[str, Sequence[FactStatus]]) -> list[str]:
    """Return lines for `status`: how many facts were measured, and which leave time open unknown.

    Nothing is counted where nothing was measured.
    """
    counts = {
        system: sum(each.side is Side.MEASURED for each in stands)
        for system, stands in found.items()
    }
    told = ", ".join(f"{system} {number}" for system, number in counts.items() if number)
    counted = [f"platform facts measured: {told} (`syncd check` lists them)"] if told else []
    unknown = [
        f"{system}: {_LEAVES_OPEN[each.row.platform, each.name][0]} (`syncd probe {system}`)"
        for system, stands in found.items()
        for each in _unknown(stands)
    ]
    return counted + unknown


def troubles(found: Mapping[str, Sequence[FactStatus]], now: datetime) -> list[str]:
    """Return a line for each contradicted system, and for each fact that leaves time open."""
    told: list[str] = []
    for system, stands in found.items():
        told += [
            f"{system}: {_LEAVES_OPEN[each.row.platform, each.name][1]}"
            for each in stands
            if _leaves_open(each) and each.side is Side.MEASURED and each.value == NO
        ]
        dropped = [each for each in stands if each.side is Side.CONTRADICTED]
        if dropped:
            named = ", ".join(f"{d.name} ({render.ago(d.at, now)})" for d in dropped if d.at)
            told.append(
                f"{system}: an answer contradicted what was measured: {named}. The safe side is "
                f"assumed until `syncd probe {system}`"
            )
    return told


def _leaves_open(standing: FactStatus) -> bool:
    return (standing.row.platform, standing.name) in _LEAVES_OPEN


def _unknown(stands: Sequence[FactStatus]) -> list[FactStatus]:
    """Return what leaves time open and is not measured, or was contradicted since."""
    return [each for each in stands if _leaves_open(each) and each.side is not Side.MEASURED]


def _is_probed(standing: FactStatus) -> bool:
    """Whether a probe, or a move, has told of the fact, be it contradicted since."""
    measured = standing.row.measured in {MeasuredBy.PROBE, MeasuredBy.MOVE}
    return measured and standing.side is not Side.SAFE


def _is_old(standing: FactStatus, now: datetime) -> bool:
    measured = standing.side is Side.MEASURED and standing.row.measured is MeasuredBy.PROBE
    return measured and standing.at is not None and now - standing.at > REMEASURE_AFTER


def _names(found: Sequence[FactStatus]) -> str:
    return ", ".join(f"{each.name} ({each.at:%Y-%m-%d})" for each in found if each.at)
