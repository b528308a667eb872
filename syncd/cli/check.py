"""`syncd check`: whether everything is as it must be before anything is written."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import timedelta

import typer

from syncd.cli import terminal
from syncd.cli.explained import print_rules, rules_json
from syncd.cli.options import ConfigOption, JsonOption, settings_of
from syncd.config.settings import Settings
from syncd.model import Window
from syncd.systems.port import Finding, System
from syncd.wiring import RealClock, build_systems

_LEVELS = {"ok": "ok", "warning": "look", "error": "WRONG"}


@dataclass(frozen=True, slots=True)
class Need:
    """Calls a minute that polling takes from a system, when nothing changed, and what it allows."""

    system: str
    near: int
    far: int
    per_minute: float
    allowed: float | None
    left_today: int | None


def check(
    context: typer.Context,
    *,
    offline: bool = typer.Option(False, "--offline", help="Only the configuration; no network."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Check configuration, credentials, rights, mapping, clocks and the calls that polling needs.

    Writes nothing anywhere. Exit: 0 all well (warnings allowed), 2 something is wrong.
    """
    settings = settings_of(context, config)
    findings = [
        Finding("warning", p.key or str(p.file), p.reason, p.remedy) for p in settings.warnings
    ]
    findings.insert(0, _summary(settings))
    needs: list[Need] = []
    if not offline:
        asked, needs = asyncio.run(_ask(settings, quiet=as_json))
        findings += asked
        findings += [f for need in needs for f in _budget(need)]
    if as_json:
        terminal.print_json(
            {
                "findings": [asdict(f) for f in findings],
                "calls": [asdict(n) for n in needs],
                "rules": rules_json(settings),
            }
        )
    else:
        print_rules(settings)
        _print(findings, needs)
    raise typer.Exit(2 if any(f.level == "error" for f in findings) else 0)


def _summary(settings: Settings) -> Finding:
    systems, providers = len(settings.systems), len(settings.providers)
    return Finding(
        "ok", str(settings.path), f"well-formed: {systems} systems, {providers} providers"
    )


async def _ask(settings: Settings, *, quiet: bool) -> tuple[list[Finding], list[Need]]:
    systems = build_systems(settings, RealClock(), {})
    try:
        with terminal.progress("asking " + ", ".join(sorted(systems)), quiet=quiet):
            results = await asyncio.gather(*(s.check() for s in systems.values()))
        needs = [_need(settings, s) for s in systems.values()]
    finally:
        await asyncio.gather(*(s.aclose() for s in systems.values()))
    return [f for found in results for f in found], needs


def _need(settings: Settings, system: System) -> Need:
    general = settings.syncd
    now = RealClock().now()
    near = system.calls_per_read(Window(now - general.window.past, now + general.near.ahead))
    far = system.calls_per_read(Window(now - general.window.past, now + general.window.future))
    minute = timedelta(minutes=1)
    rates = [calls * (minute / timedelta(seconds=s)) for calls, s in system.traffic.limits]
    return Need(
        system.name,
        near,
        far,
        near * (minute / general.near.every) + far * (minute / general.far.every),
        min(rates, default=None),
        system.traffic.left_today,
    )


def _budget(need: Need) -> list[Finding]:
    """Polling should leave at least half of the limit to writes and to other programs."""
    if need.allowed is None or need.per_minute <= need.allowed / 2:
        return []
    return [
        Finding(
            "error" if need.per_minute > need.allowed else "warning",
            need.system,
            f"polling needs {need.per_minute:.0f} calls a minute of {need.allowed:.0f} allowed",
            "poll less often: raise near.every or far.every in [syncd]",
        )
    ]


def _print(findings: list[Finding], needs: list[Need]) -> None:
    rows = [
        (_LEVELS[f.level], f.subject, f"{f.message}. {f.remedy}" if f.remedy else f.message)
        for f in findings
    ]
    terminal.table("check", ("", "what", "finding"), rows)
    if needs:
        drawn = [
            (
                n.system,
                str(n.near),
                str(n.far),
                f"{n.per_minute:.1f}",
                "unknown" if n.allowed is None else f"{n.allowed:.0f}",
                "" if n.left_today is None else str(n.left_today),
            )
            for n in needs
        ]
        columns = ("system", "near poll", "far poll", "a minute", "allowed", "left today")
        terminal.table("calls that polling takes while nothing changes", columns, drawn)
    wrong = sum(f.level == "error" for f in findings)
    terminal.say("all well" if not wrong else f"{wrong} wrong: nothing should be run before")
