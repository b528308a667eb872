"""Text about measured platform facts, for `check` and `status`."""

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

FACT_COLUMNS = ("system", "fact", "value", "since", "")
FACT_TITLE = "measured platform facts (docs/platform-facts.md)"

_FINDINGS: Mapping[tuple[str, str, str], tuple[str, str, str]] = {
    (PlatformKind.V2, "lists_service_bookings", NO): (
        "warning",
        (
            "lists of this account do not show bookings of service menus, so the time of such "
            "bookings stays bookable elsewhere"
        ),
        "Let customers book calendars instead of service menus",
    ),
    (PlatformKind.V2, "block_closes_calendars", NO): (
        "note",
        "a block of a user does not close every calendar of that user",
        ("Map each calendar that must be closed; `syncd status` lists the slots still offered"),
    ),
    (PlatformKind.V2, "version_v3", YES): (
        "note",
        "the API also accepts the header `Version: v3`, which syncd does not use",
        "",
    ),
    (PlatformKind.V1, "makes_blocks", NO): (
        "warning",
        "the API cannot create event blocks in this account",
        'Set blocks = "hold" and hold_email in [systems.{system}]',
    ),
}
"""What `check` reports for a platform, fact and measured value: level, message, remedy."""

_SERVICES_UNKNOWN = (
    "it is unknown whether lists of this account show bookings of service menus; if they do not, "
    "the time of such bookings stays bookable elsewhere"
)
_LEAVES_OPEN: Mapping[tuple[str, str], tuple[str, str, str]] = {
    (PlatformKind.V2, "lists_service_bookings"): (
        _SERVICES_UNKNOWN,
        (
            "lists of this account do not show bookings of service menus, so the time of such "
            "bookings stays bookable elsewhere"
        ),
        (
            "while a booking of a service menu exists, or let customers book calendars instead of "
            "service menus"
        ),
    ),
}
"""Facts whose safe side leaves time bookable: the text until they are measured, the text if the
measured value is "no", and when to probe."""


def statuses_by_system(
    settings: Settings, facts: Sequence[Fact]
) -> dict[str, Sequence[FactStatus]]:
    """Return the status of each platform fact, by configured system."""
    return {
        name: fact_statuses(system.type, [fact for fact in facts if fact.system == name])
        for name, system in sorted(settings.systems.items())
    }


def facts_json(facts: Sequence[FactStatus]) -> list[dict[str, Any]]:
    """Return the entries of ``facts`` in JSON. Keys are stable; times are UTC."""
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
        for each in facts
    ]


def fact_rows(facts: Mapping[str, Sequence[FactStatus]]) -> list[tuple[str, ...]]:
    """Return the table rows for `COLUMNS`: measured facts, and those contradicted since."""
    return [
        (
            system,
            each.name,
            each.value,
            "" if each.at is None else f"{each.at:%Y-%m-%d}",
            "contradicted: safe side assumed" if each.side is Side.CONTRADICTED else "",
        )
        for system, statuses in facts.items()
        for each in statuses
        if each.side is not Side.SAFE
    ]


def fact_findings(
    facts: Mapping[str, Sequence[FactStatus]], now: datetime
) -> Iterator[CheckResult]:
    """Yield the results of `syncd check`: when to probe, and what a measured value means."""
    for system, statuses in facts.items():
        probe = f"Run `syncd probe {system}`"
        if not any(_is_probed(each) for each in statuses):
            yield CheckResult(
                "note",
                system,
                "this account was not probed yet, so the safe side of each fact is assumed",
                probe,
            )
        if old := [each for each in statuses if _is_old(each, now)]:
            yield CheckResult(
                "warning",
                system,
                f"measured more than {REMEASURE_AFTER.days} days ago: {_names(old)}",
                probe,
            )
        if dropped := [each for each in statuses if each.side is Side.CONTRADICTED]:
            yield CheckResult(
                "warning",
                system,
                "a response contradicted a measured fact, so its safe side is assumed: "
                + _names(dropped),
                probe,
            )
        for each in unknown_facts(statuses):
            message, _, when = _LEAVES_OPEN[each.row.platform, each.name]
            yield CheckResult("note", system, message, f"{probe} {when}")
        for each in statuses:
            finding = _FINDINGS.get((each.row.platform, each.name, each.value))
            if finding is not None and each.side is Side.MEASURED:
                level, message, remedy = finding
                yield CheckResult(level, system, message, remedy.format(system=system))


def fact_lines(facts: Mapping[str, Sequence[FactStatus]]) -> list[str]:
    """Return lines for `status`: counts of measured facts, and unknown ones that leave time open.

    Systems without a measured fact are not counted.
    """
    counts = {
        system: sum(each.side is Side.MEASURED for each in statuses)
        for system, statuses in facts.items()
    }
    measured = ", ".join(f"{system} {number}" for system, number in counts.items() if number)
    counted = (
        [f"platform facts measured: {measured} (`syncd check` lists them)"] if measured else []
    )
    unknown = [
        f"{system}: {_LEAVES_OPEN[each.row.platform, each.name][0]} (`syncd probe {system}`)"
        for system, statuses in facts.items()
        for each in unknown_facts(statuses)
    ]
    return counted + unknown


def fact_problems(facts: Mapping[str, Sequence[FactStatus]], now: datetime) -> list[str]:
    """Return a line per system with contradicted facts, and per fact that leaves time open."""
    texts: list[str] = []
    for system, statuses in facts.items():
        texts += [
            f"{system}: {_LEAVES_OPEN[each.row.platform, each.name][1]}"
            for each in statuses
            if _leaves_open(each) and each.side is Side.MEASURED and each.value == NO
        ]
        dropped = [each for each in statuses if each.side is Side.CONTRADICTED]
        if dropped:
            names = ", ".join(f"{d.name} ({render.ago(d.at, now)})" for d in dropped if d.at)
            texts.append(
                f"{system}: a response contradicted a measured fact: {names}. The safe side is "
                f"assumed until `syncd probe {system}`"
            )
    return texts


def _leaves_open(status: FactStatus) -> bool:
    return (status.row.platform, status.name) in _LEAVES_OPEN


def unknown_facts(statuses: Sequence[FactStatus]) -> list[FactStatus]:
    """Return the facts that leave time open and are unmeasured, or contradicted since."""
    return [each for each in statuses if _leaves_open(each) and each.side is not Side.MEASURED]


def _is_probed(status: FactStatus) -> bool:
    """Return true if a probe or a move measured the fact, even if it was contradicted since."""
    by_probe = status.row.measured in {MeasuredBy.PROBE, MeasuredBy.MOVE}
    return by_probe and status.side is not Side.SAFE


def _is_old(status: FactStatus, now: datetime) -> bool:
    measured = status.side is Side.MEASURED and status.row.measured is MeasuredBy.PROBE
    return measured and status.at is not None and now - status.at > REMEASURE_AFTER


def _names(facts: Sequence[FactStatus]) -> str:
    return ", ".join(f"{each.name} ({each.at:%Y-%m-%d})" for each in facts if each.at)
