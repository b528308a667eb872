"""`syncd check`: verify configuration, accounts and mapping before anything is written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, NamedTuple

import typer

from syncd.accounts import build_systems, clock_of
from syncd.cli import (
    left_behind_view,
    measured_facts,
    owner_view,
    pause_view,
    render,
    reported_view,
    terminal,
)
from syncd.cli.learned_limits import load_known_limits
from syncd.cli.list_calls import ListCallRow, list_call_rows, print_list_calls
from syncd.cli.options import ConfigOption, JsonOption, settings_of
from syncd.cli.remaining_view import left_behind_in
from syncd.cli.rule_table import print_rules, rules_json
from syncd.cli.system_status import config_duration
from syncd.cli.waiting_view import clock_findings
from syncd.config.mapping_digest import remapped_calendars
from syncd.config.settings import LeadConnectorSystem, Settings
from syncd.core.polling.rate import CallDemand, fit_to_limits, per_minute
from syncd.daemon.poll_scheduler import PollScheduler, read_intervals
from syncd.engine.reading.running_events import FAR_LOOK_BACK
from syncd.engine.report.run_report import unknown_owners
from syncd.machine import RealClock
from syncd.model import ReportedItem, Window
from syncd.resource_adapters import check_contact_links
from syncd.store.errors import StateError
from syncd.store.queries.status_query import EMPTY_STATUS, read_status
from syncd.systems.findings import run_check
from syncd.systems.measured import FactStatus
from syncd.systems.port import CheckResult, System

_LEVELS = {"ok": "ok", "note": "note", "warning": "warning", "error": "ERROR"}

_UNKNOWN_OFFLINE = (
    "With --offline, syncd does not know the groups and rooms of a location, nor the calendars of "
    "users whose mapping names no calendar. The list calls for these may differ."
)


class _SystemCheck(NamedTuple):
    """The check results of all systems, the calls that polling needs, and its list calls."""

    results: list[CheckResult]
    demands: list[CallDemand]
    lists: list[ListCallRow]


def check(
    context: typer.Context,
    *,
    offline: bool = typer.Option(
        False, "--offline", help="Check only the configuration; use no network."
    ),
    strict: bool = typer.Option(False, "--strict", help="Treat warnings as errors: exit 2."),
    calls: bool = typer.Option(False, "--calls", help="Show all list calls."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Check configuration, credentials, rights, mapping, clocks and the calls that polling needs.

    Shows the purpose of each list call; with --offline, only the list calls that the configuration
    determines. Writes nothing. Exit: 0 no errors (warnings allowed, unless --strict), 2 errors.
    """
    settings = settings_of(context, config)
    raise typer.Exit(
        examine(settings, offline=offline, strict=strict, calls=calls, as_json=as_json)
    )


def examine(
    settings: Settings,
    *,
    offline: bool = False,
    strict: bool = False,
    calls: bool = False,
    as_json: bool = False,
) -> int:
    """Run all checks, print the results and return the exit code, 0 or 2."""
    results = [
        CheckResult("warning", p.key or str(p.file), p.reason, p.remedy) for p in settings.warnings
    ]
    results.insert(0, _summary(settings))
    systems = asyncio.run(_check_systems(settings, offline=offline, quiet=as_json))
    results += systems.results
    results += _rate_limit_results(settings, systems.demands)
    known, items, facts = _results_of_last_read(settings)
    results += known
    results += measured_facts.fact_findings(facts, RealClock().now())
    if as_json:
        terminal.print_json(
            {
                "findings": [asdict(result) for result in results],
                "calls": [_demand_json(settings, demand) for demand in systems.demands],
                "lists": [call.to_json() for call in systems.lists],
                "rules": rules_json(settings),
                "reported": [reported_view.item_json(item) for item in items],
                "facts": {name: measured_facts.facts_json(f) for name, f in facts.items()},
            }
        )
    else:
        print_rules(settings)
        _print(settings, results, systems.demands)
        for line in (
            *reported_view.reported_lines(items, explained=False),
            *([""] if items else ()),
        ):
            terminal.say(line)
        if measured := measured_facts.fact_rows(facts):
            terminal.table(measured_facts.FACT_TITLE, measured_facts.FACT_COLUMNS, measured)
        print_list_calls(systems.lists, every=calls)
        if offline and any(isinstance(s, LeadConnectorSystem) for s in settings.systems.values()):
            terminal.say(_UNKNOWN_OFFLINE)
        terminal.say(_verdict([result.level for result in results]))
    fatal = {"error", "warning"} if strict else {"error"}
    return 2 if any(result.level in fatal for result in results) else 0


def _summary(settings: Settings) -> CheckResult:
    systems, providers = len(settings.systems), len(settings.providers)
    return CheckResult("ok", str(settings.path), f"valid: {systems} systems, {providers} providers")


async def _check_systems(settings: Settings, *, offline: bool, quiet: bool) -> _SystemCheck:
    """Check all systems; with ``offline``, only list the calls that reading them would make."""
    systems = build_systems(settings, RealClock(), {})
    load_known_limits(settings.syncd.state_path, systems)
    spans, now = read_intervals(settings), RealClock().now()
    near, far = (
        Window(now - spans.past, now + spans.ahead),
        Window(now - spans.past, now + spans.future).from_earlier(FAR_LOOK_BACK),
    )
    try:
        if offline:
            return _SystemCheck([], [], list_call_rows(systems, near, far))
        with terminal.progress("asking " + ", ".join(sorted(systems)), quiet=quiet):
            checked_systems = list(
                await asyncio.gather(*(run_check(s.name, s.check()) for s in systems.values()))
            )
            checked_systems.append(await check_contact_links(settings, systems))
            checked_systems.append(clock_findings(_skews(settings, systems)))
        demands = PollScheduler(systems, spans, RealClock()).needs()
        results = [result for each in checked_systems for result in each]
        return _SystemCheck(results, demands, list_call_rows(systems, near, far))
    finally:
        await asyncio.gather(*(s.aclose() for s in systems.values()))


def _skews(settings: Settings, systems: Mapping[str, System]) -> dict[str, list[timedelta]]:
    """Return the measured differences between each platform's clock and this machine's."""
    skews: dict[str, list[timedelta]] = {}
    for name, system in systems.items():
        if (skew := system.traffic.skew) is not None:
            skews.setdefault(clock_of(settings.systems[name]), []).append(skew)
    return skews


def _rate_limit_results(settings: Settings, demands: Sequence[CallDemand]) -> list[CheckResult]:
    """Report each system in which polling as configured needs too much of the rate limit."""
    near, far = settings.syncd.near.every, settings.syncd.far.every
    intervals = fit_to_limits(near, far, demands)
    return [
        CheckResult(
            "warning" if interval.fits else "error",
            demand.system,
            f"polling as configured needs {per_minute(demand, near, far):.0f} calls per minute, "
            f"and the rate limit leaves {demand.bearable or 0:.1f}: syncd will read the near "
            "window every "
            f"{config_duration(interval.near.total_seconds())} and the far window every "
            f"{config_duration(interval.far.total_seconds())}"
            + ("" if interval.fits else ", which still needs too many calls"),
            "Raise far.every or near.every in [syncd], or ask the platform for a higher limit",
        )
        for demand in demands
        if (interval := intervals.of(demand.system)).tight
    ]


def _results_of_last_read(
    settings: Settings,
) -> tuple[list[CheckResult], Sequence[ReportedItem], Mapping[str, Sequence[FactStatus]]]:
    """Return the check results, reported items and measured facts that the state holds.

    They are as of the last read: events with unknown owners, unreadable events, blocks of
    calendars that left the configuration, and pauses.
    """
    path, now = settings.syncd.state_path, RealClock().now()
    nothing = measured_facts.statuses_by_system(settings, ())
    if not path.exists():
        return pause_view.pause_findings(settings, EMPTY_STATUS), (), nothing
    try:
        seen = read_status(path, now, now)
    except StateError:  # `check` is about systems; commands that need the state report its errors
        return [], (), nothing
    unknown = unknown_owners(seen.owner_changes, now)
    owners = owner_view.owner_findings(unknown, remapped_calendars(settings, seen.mapped))
    left_behind = left_behind_view.left_behind_findings(settings, left_behind_in(settings, seen))
    measured = measured_facts.statuses_by_system(settings, seen.facts)
    paused = pause_view.pause_findings(settings, seen)
    reported = reported_view.reported_findings(seen.items)
    return [*owners, *reported, *left_behind, *paused], seen.items, measured


def _demand_json(settings: Settings, demand: CallDemand) -> dict[str, Any]:
    planned = per_minute(demand, settings.syncd.near.every, settings.syncd.far.every)
    return {
        "system": demand.system,
        "near": demand.near,
        "far": demand.far,
        "per_minute": planned,
        "allowed": demand.allowed,
        "left_today": demand.left_today,
    }


def _verdict(levels: Sequence[str]) -> str:
    errors, warnings = levels.count("error"), levels.count("warning")
    if errors:
        them = "it" if errors == 1 else "them"
        return f"{render.count(errors, 'error')}: fix {them} before running syncd"
    return f"no errors, {render.count(warnings, 'warning')}" if warnings else "no problems found"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _print(settings: Settings, results: list[CheckResult], demands: list[CallDemand]) -> None:
    rows = [
        (_LEVELS[f.level], f.subject, ". ".join(filter(None, (f.message, _sentence(f.remedy)))))
        for f in results
    ]
    terminal.table("check", ("level", "subject", "result"), rows)
    if demands:
        call_rows = [
            (
                n.system,
                str(n.near),
                str(n.far),
                f"{per_minute(n, settings.syncd.near.every, settings.syncd.far.every):.1f}",
                "unknown" if n.allowed is None else f"{n.allowed:.0f}",
                "" if n.left_today is None else str(n.left_today),
            )
            for n in demands
        ]
        columns = ("system", "near read", "far read", "calls/min", "limit", "left today")
        terminal.table("calls for polling while nothing changes", columns, call_rows)
