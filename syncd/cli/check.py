"""`syncd check`: whether everything is as it must be before anything is written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, NamedTuple

import typer

from syncd.cli import left_behind, measured_facts, owners, paused, reported, terminal
from syncd.cli.explained import print_rules, rules_json
from syncd.cli.learned import remember
from syncd.cli.lists import Listed, lists_of, print_lists
from syncd.cli.options import ConfigOption, JsonOption, settings_of
from syncd.cli.remaining import left_behind_in
from syncd.cli.standing import span
from syncd.cli.waiting import clock_findings
from syncd.config.mapped import remapped
from syncd.config.settings import LeadConnectorSystem, Settings
from syncd.core.budget import Need, fit, per_minute
from syncd.daemon.rounds import Rounds, spans_of
from syncd.engine.report import unknown_owners
from syncd.engine.running import LOOK_BACK
from syncd.houses import check_ties
from syncd.model import Item, Window
from syncd.store.errors import StateError
from syncd.store.glance import NOTHING, glance
from syncd.systems.findings import checked
from syncd.systems.measured import Standing
from syncd.systems.port import Finding, System
from syncd.wiring import RealClock, build_systems, clock_of

_LEVELS = {"ok": "ok", "note": "note", "warning": "look", "error": "WRONG"}


_UNKNOWN_OFFLINE = (
    "Offline, a location's groups and rooms, and the calendars of a user that names none, are not "
    "known: the calls for them may be fewer, or others."
)


class _Asked(NamedTuple):
    """What the systems said: what was found, what polling takes, and which list calls those are."""

    findings: list[Finding]
    needs: list[Need]
    lists: list[Listed]


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
        Finding("warning", p.key or str(p.file), p.reason, p.remedy) for p in settings.warnings
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
                "reported": [reported.item_json(item) for item in items],
                "facts": {name: measured_facts.facts_json(f) for name, f in facts.items()},
            }
        )
    else:
        print_rules(settings)
        _print(settings, findings, asked.needs)
        for line in (*reported.lines(items, explained=False), *([""] if items else ())):
            terminal.say(line)
        if measured := measured_facts.rows(facts):
            terminal.table(measured_facts.TITLE, measured_facts.COLUMNS, measured)
        print_lists(asked.lists, every=calls)
        if offline and any(isinstance(s, LeadConnectorSystem) for s in settings.systems.values()):
            terminal.say(_UNKNOWN_OFFLINE)
        terminal.say(_in_short([f.level for f in findings]))
    fatal = {"error", "warning"} if strict else {"error"}
    return 2 if any(f.level in fatal for f in findings) else 0


def _summary(settings: Settings) -> Finding:
    systems, providers = len(settings.systems), len(settings.providers)
    return Finding(
        "ok", str(settings.path), f"well-formed: {systems} systems, {providers} providers"
    )


async def _ask(settings: Settings, *, offline: bool, quiet: bool) -> _Asked:
    """Ask all systems; offline, only what they would be asked for."""
    systems = build_systems(settings, RealClock(), {})
    remember(settings.syncd.state_path, systems)
    spans, now = spans_of(settings), RealClock().now()
    near, far = (
        Window(now - spans.past, now + spans.ahead),
        Window(now - spans.past, now + spans.future).from_earlier(LOOK_BACK),
    )
    try:
        if offline:
            return _Asked([], [], lists_of(systems, near, far))
        with terminal.progress("asking " + ", ".join(sorted(systems)), quiet=quiet):
            results = list(
                await asyncio.gather(*(checked(s.name, s.check()) for s in systems.values()))
            )
            results.append(await check_ties(settings, systems))
            results.append(clock_findings(_skews(settings, systems)))
        needs = Rounds(systems, spans, RealClock()).needs()
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


def _budget(settings: Settings, needs: Sequence[Need]) -> list[Finding]:
    """Say what happens where polling would leave too little to writes and to other programs."""
    near, far = settings.syncd.near.every, settings.syncd.far.every
    paces = fit(near, far, needs)
    return [
        Finding(
            "warning" if paces.fits else "error",
            need.system,
            f"polling would take {per_minute(need, near, far):.0f} calls a minute, and can have "
            f"{need.bearable or 0:.1f}: syncd will read the near window every "
            f"{span(paces.near.total_seconds())} and the whole one every "
            f"{span(paces.far.total_seconds())}" + ("" if paces.fits else ", which is still more"),
            "Raise far.every or near.every in [syncd], or have the account's limit raised",
        )
        for need in needs
        if need.system in paces.tight
    ]


def _as_last_read(
    settings: Settings,
) -> tuple[list[Finding], Sequence[Item], Mapping[str, Sequence[Standing]]]:
    """Report owners in doubt, and records that cannot be carried, as the last run saw them.

    Return also what was measured of each system.
    """
    path, now = settings.syncd.state_path, RealClock().now()
    nothing = measured_facts.standing_facts(settings, ())
    if not path.exists():
        return paused.findings(settings, NOTHING), (), nothing
    try:
        seen = glance(path, now, now)
    except StateError:  # `check` looks at systems; whoever opens the state tells what is wrong
        return [], (), nothing
    unknown = unknown_owners(seen.owner_changes, now)
    doubts = owners.findings(unknown, remapped(settings, seen.mapped))
    gone = left_behind.findings(settings, left_behind_in(settings, seen))
    measured = measured_facts.standing_facts(settings, seen.facts)
    held = paused.findings(settings, seen)
    return [*doubts, *reported.findings(seen.items), *gone, *held], seen.items, measured


def _need_json(settings: Settings, need: Need) -> dict[str, Any]:
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


def _print(settings: Settings, findings: list[Finding], needs: list[Need]) -> None:
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
