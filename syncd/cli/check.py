"""`syncd check`: whether everything is as it must be before anything is written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, NamedTuple

import typer

from syncd.app import RealClock, build_systems, clock_of
from syncd.cli import (
    left_behind_view,
    measured_facts,
    owner_view,
    pause_view,
    reported_view,
    terminal,
)
from syncd.cli.learned_limits import remember
from syncd.cli.list_calls import ListCallRow, lists_of, print_lists
from syncd.cli.options import ConfigOption, JsonOption, settings_of
from syncd.cli.remaining_view import left_behind_in
from syncd.cli.rule_table import print_rules, rules_json
from syncd.cli.system_status import duration
from syncd.cli.waiting_view import clock_findings
from syncd.config.mapping_digest import remapped_calendars
from syncd.config.settings import LeadConnectorSystem, Settings
from syncd.core.poll_rate import CallDemand, fit_to_limits, per_minute
from syncd.daemon.poll_scheduler import PollScheduler, read_intervals
from syncd.engine.report import unknown_owners
from syncd.engine.running_events import LOOK_BACK
from syncd.model import ReportedItem, Window
from syncd.resource_adapters import check_contact_links
from syncd.store.errors import StateError
from syncd.store.status_query import EMPTY_STATUS, read_status
from syncd.systems.findings import run_check
from syncd.systems.measured import FactStatus
from syncd.systems.port import CheckResult, System

_LEVELS = {"ok": "ok", "note": "note", "warning": "look", "error": "WRONG"}


_UNKNOWN_OFFLINE = (
    "Offline, a location's groups and rooms, and the calendars of a user that names none, are not "
    "known: the calls for them may be fewer, or others."
)


class _Asked(NamedTuple):
    """What the systems said: what was found, what polling takes, and which list calls those are."""

    findings: list[CheckResult]
    needs: list[CallDemand]
    lists: list[ListCallRow]


def check(
    context: typer.Context,
    *,
    offline: bool = typer.Option(False, "--offline", help="Only the configuration; no network."),
    strict: bool = typer.Option(False, "--strict", help="Let warnings count as errors: exit 2."),
    calls: bool = typer.Option(False, "--calls", help="Show every list call, however many."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Check configuration, credentials, rights, mapping, clocks and the calls that polling needs.

    Tells what each list call is for, as far as it can be known --offline. Writes nothing anywhere.

    Exit: 0 all well (warnings allowed, unless --strict), 2 something is
    wrong.
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
    """Look at everything, print what was found and return the exit code."""
    findings = [
        CheckResult("warning", p.key or str(p.file), p.reason, p.remedy) for p in settings.warnings
    ]
    findings.insert(0, _summary(settings))
    asked = asyncio.run(_ask(settings, offline=offline, quiet=as_json))
    findings += asked.findings
    findings += _budget(settings, asked.needs)
    known, items, facts = _as_last_read(settings)
    findings += known
    findings += measured_facts.findings(facts, RealClock().now())
    if as_json:
        terminal.print_json(
            {
                "findings": [asdict(f) for f in findings],
                "calls": [_need_json(settings, n) for n in asked.needs],
                "lists": [one.to_json() for one in asked.lists],
                "rules": rules_json(settings),
                "reported": [reported_view.item_json(item) for item in items],
                "facts": {name: measured_facts.facts_json(f) for name, f in facts.items()},
            }
        )
    else:
        print_rules(settings)
        _print(settings, findings, asked.needs)
        for line in (*reported_view.lines(items, explained=False), *([""] if items else ())):
            terminal.say(line)
        if measured := measured_facts.rows(facts):
            terminal.table(measured_facts.TITLE, measured_facts.COLUMNS, measured)
        print_lists(asked.lists, every=calls)
        if offline and any(isinstance(s, LeadConnectorSystem) for s in settings.systems.values()):
            terminal.say(_UNKNOWN_OFFLINE)
        terminal.say(_in_short([f.level for f in findings]))
    fatal = {"error", "warning"} if strict else {"error"}
    return 2 if any(f.level in fatal for f in findings) else 0


def _summary(settings: Settings) -> CheckResult:
    systems, providers = len(settings.systems), len(settings.providers)
    return CheckResult(
        "ok", str(settings.path), f"well-formed: {systems} systems, {providers} providers"
    )


async def _ask(settings: Settings, *, offline: bool, quiet: bool) -> _Asked:
    """Ask all systems; offline, only what they would be asked for."""
    systems = build_systems(settings, RealClock(), {})
    remember(settings.syncd.state_path, systems)
    spans, now = read_intervals(settings), RealClock().now()
    near, far = (
        Window(now - spans.past, now + spans.ahead),
        Window(now - spans.past, now + spans.future).from_earlier(LOOK_BACK),
    )
    try:
        if offline:
            return _Asked([], [], lists_of(systems, near, far))
        with terminal.progress("asking " + ", ".join(sorted(systems)), quiet=quiet):
            results = list(
                await asyncio.gather(*(run_check(s.name, s.check()) for s in systems.values()))
            )
            results.append(await check_contact_links(settings, systems))
            results.append(clock_findings(_skews(settings, systems)))
        needs = PollScheduler(systems, spans, RealClock()).needs()
        findings = [f for found in results for f in found]
        return _Asked(findings, needs, lists_of(systems, near, far))
    finally:
        await asyncio.gather(*(s.aclose() for s in systems.values()))


def _skews(settings: Settings, systems: Mapping[str, System]) -> dict[str, list[timedelta]]:
    """Return how far each platform's clock is from this machine's, as measured."""
    found: dict[str, list[timedelta]] = {}
    for name, system in systems.items():
        if (skew := system.traffic.skew) is not None:
            found.setdefault(clock_of(settings.systems[name]), []).append(skew)
    return found


def _budget(settings: Settings, needs: Sequence[CallDemand]) -> list[CheckResult]:
    """Say what happens where polling would leave too little to writes and to other programs."""
    near, far = settings.syncd.near.every, settings.syncd.far.every
    paces = fit_to_limits(near, far, needs)
    return [
        CheckResult(
            "warning" if pace.fits else "error",
            need.system,
            f"polling would take {per_minute(need, near, far):.0f} calls a minute, and can have "
            f"{need.bearable or 0:.1f}: syncd will read its near window every "
            f"{duration(pace.near.total_seconds())} and the whole one every "
            f"{duration(pace.far.total_seconds())}"
            + ("" if pace.fits else ", which is still more"),
            "Raise far.every or near.every in [syncd], or have the account's limit raised",
        )
        for need in needs
        if (pace := paces.of(need.system)).tight
    ]


def _as_last_read(
    settings: Settings,
) -> tuple[list[CheckResult], Sequence[ReportedItem], Mapping[str, Sequence[FactStatus]]]:
    """Report owners in doubt, and records that cannot be carried, as the last run saw them.

    Return also what was measured of each system.
    """
    path, now = settings.syncd.state_path, RealClock().now()
    nothing = measured_facts.standing_facts(settings, ())
    if not path.exists():
        return pause_view.findings(settings, EMPTY_STATUS), (), nothing
    try:
        seen = read_status(path, now, now)
    except StateError:  # `check` looks at systems; whoever opens the state tells what is wrong
        return [], (), nothing
    unknown = unknown_owners(seen.owner_changes, now)
    doubts = owner_view.findings(unknown, remapped_calendars(settings, seen.mapped))
    gone = left_behind_view.findings(settings, left_behind_in(settings, seen))
    measured = measured_facts.standing_facts(settings, seen.facts)
    held = pause_view.findings(settings, seen)
    return [*doubts, *reported_view.findings(seen.items), *gone, *held], seen.items, measured


def _need_json(settings: Settings, need: CallDemand) -> dict[str, Any]:
    planned = per_minute(need, settings.syncd.near.every, settings.syncd.far.every)
    return {
        "system": need.system,
        "near": need.near,
        "far": need.far,
        "per_minute": planned,
        "allowed": need.allowed,
        "left_today": need.left_today,
    }


def _in_short(levels: Sequence[str]) -> str:
    wrong, odd = levels.count("error"), levels.count("warning")
    if wrong:
        return f"{wrong} wrong: nothing should be run before"
    return f"all well, but for {odd} to look at" if odd else "all well"


def _sentence(text: str) -> str:
    """Begin a sentence with a capital letter."""
    return text[:1].upper() + text[1:]


def _print(settings: Settings, findings: list[CheckResult], needs: list[CallDemand]) -> None:
    rows = [
        (_LEVELS[f.level], f.subject, ". ".join(filter(None, (f.message, _sentence(f.remedy)))))
        for f in findings
    ]
    terminal.table("check", ("", "what", "finding"), rows)
    if needs:
        drawn = [
            (
                n.system,
                str(n.near),
                str(n.far),
                f"{per_minute(n, settings.syncd.near.every, settings.syncd.far.every):.1f}",
                "unknown" if n.allowed is None else f"{n.allowed:.0f}",
                "" if n.left_today is None else str(n.left_today),
            )
            for n in needs
        ]
        columns = ("system", "near poll", "far poll", "planned a minute", "allowed", "left today")
        terminal.table("calls that polling takes while nothing changes", columns, drawn)
