"""`syncd probe`: measure in the user's own accounts what no documentation tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from syncd.app import App, build
from syncd.cli import consent, render, terminal
from syncd.cli.options import ConfigOption, JsonOption, UsageError, settings_in_two, zone_of
from syncd.cli.resync_run import copy_of_state, stop_on_signals
from syncd.config.settings import Settings
from syncd.daemon.client import DaemonReply, send_request
from syncd.daemon.lock import StateHeldError, StateLock
from syncd.engine.probe_plan import EACH_CALENDAR, MAX_CALLS, ProbePlan, plan_probe
from syncd.model.pauses import OBSERVE_REASON, OBSERVE_REMEDY

WIDTH = 80
"""Columns of the tables."""

_NOTHING = "as before"

_CHANGES = {
    "block_by_id": "one read proves a block gone",
    "list_lag": "lists are believed after it",
    "keeps_tag": "lost creates found by place",
    "lists_blocks": "several blocks at a time",
    "makes_blocks": 'configure blocks = "hold"',
    "update_keeps_end": "moved blocks: not read back",
    "refuses_deleted": "one read proves a deletion",
    "rows_carry_owner": "missing owners are reported",
    "rows_carry_end": "missing ends are reported",
    "lists_cancelled": "lists confirm cancellations",
    "completing_changes_end": "ends of done tasks count",
}
"""What is different from now on where a fact is not at its safe side; nothing for all others."""


def probe(
    context: typer.Context,
    system: Annotated[
        str | None, typer.Argument(metavar="[SYSTEM]", help="Only this one; all otherwise.")
    ] = None,
    *,
    forget: bool = typer.Option(False, "--forget", help="Withdraw what was measured instead."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not show what it makes and ask first."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what it would make, and do not."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Measure the facts about the platforms that only a live account can tell.

    In each system one block (in LeadSquared a task) titled "syncd probe" is made, about 60 days
    ahead and at night, in one provider's calendar; it is looked at, moved and removed. What was
    found is stored with its date and used from then on. Nothing else is written. At most 20
    calls go to a system, and 2 for each calendar that is asked for free slots. Ctrl-C removes the
    block; what a crash leaves is removed by the next command that writes. While the daemon runs,
    the daemon does it. Exit: 0 all was measured that can be; 4 a system did not answer or refused,
    the block is still to be removed, or a person said no or interrupted.
    """
    settings, full = settings_in_two(context, config)
    names = _chosen(settings, system)
    if forget:
        raise typer.Exit(_forget(settings, full, names, as_json=as_json))
    if settings.syncd.mode == "observe":
        raise UsageError(OBSERVE_REASON, OBSERVE_REMEDY)
    if dry_run:
        _tell_plan(settings, _planned(full(), names), names, as_json=as_json)
        raise typer.Exit
    consent.expect_consent("a probe makes a block in each system", yes=yes, as_json=as_json)
    if not yes:
        planned = _planned(full(), names)
        consent.ask_consent(
            "Make, measure and remove this?",
            lambda: _tell_plan(settings, planned, names, as_json=False),
            yes=False,
        )
    raise typer.Exit(_carry_out(settings, full, names, as_json=as_json))


def _chosen(settings: Settings, system: str | None) -> list[str]:
    mapped = sorted({name for p in settings.providers.values() for name in p.calendars})
    if system is None:
        return mapped
    if system not in mapped:
        known = ", ".join(mapped)
        raise UsageError(f"there is no system {system!r}", f"Those with calendars are: {known}.")
    return [system]


def _planned(settings: Settings, names: Sequence[str]) -> list[ProbePlan]:
    """Plan it on a copy of the state. No system is asked."""
    store = copy_of_state(settings)

    async def plan() -> list[ProbePlan]:
        app = build(settings, store=store)
        app.reset_backoff()
        try:
            return await plan_probe(app.engine, names)
        finally:
            await app.aclose()

    return asyncio.run(plan())


def _carry_out(
    settings: Settings, full: Callable[[], Settings], names: Sequence[str], *, as_json: bool
) -> int:
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="probe"):
            answer = asyncio.run(_probe(full(), names, quiet=as_json))
    except StateHeldError as held:
        if held.role != "daemon":
            raise
        with terminal.progress("asking the daemon", quiet=as_json) as told:
            answer = send_request(path, "probe", {"systems": list(names)}, told)
        if not as_json:
            terminal.say("carried out by the running daemon")
    if as_json:
        terminal.print_json(answer.result)
    else:
        _tell(answer.result)
    return answer.exit


async def _probe(settings: Settings, names: Sequence[str], *, quiet: bool) -> DaemonReply:
    app = build(settings)
    app.reset_backoff()
    stop_on_signals(app.engine.stopping)
    try:
        with terminal.progress("beginning", quiet=quiet) as told:
            probed = await app.engine.probe(names, progress=told)
    finally:
        await app.aclose()
    return DaemonReply(probed.to_json(), probed.exit.code)


def _forget(
    settings: Settings, full: Callable[[], Settings], names: Sequence[str], *, as_json: bool
) -> int:
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="probe"):
            app = build(full())
            result = asyncio.run(_forgotten(app, names))
    except StateHeldError as held:
        if held.role != "daemon":
            raise
        result = send_request(
            path, "probe", {"systems": list(names), "forget": True}, lambda _: None
        ).result
    if as_json:
        terminal.print_json(result)
        return 0
    for name, facts in sorted(result["forgotten"].items()):
        count = render.count(len(facts), "measured fact")
        terminal.say(f"{name}: {count} withdrawn" + (f" ({', '.join(facts)})" if facts else ""))
    terminal.say("the safe side of each is assumed until `syncd probe` measures it again")
    return 0


async def _forgotten(app: App, names: Sequence[str]) -> dict[str, Any]:
    try:
        return {"forgotten": app.engine.forget_facts(names)}
    finally:
        await app.aclose()


# --- what is printed --------------------------------------------------------------------------


def _tell_plan(
    settings: Settings, planned: Sequence[ProbePlan], names: Sequence[str], *, as_json: bool
) -> None:
    if as_json:
        terminal.print_json({"planned": {p.system: p.to_json() for p in planned}})
        return
    for each in planned:
        zone = zone_of(settings, each.provider)
        start, end = each.start.astimezone(zone), each.end.astimezone(zone)
        terminal.say(f"{each.system} ({each.platform})")
        terminal.say(
            f'  one {each.makes} titled "syncd probe" in the calendar of {each.provider},\n'
            f"  {start:%a %d %b %Y %H:%M} to {end:%H:%M} {zone.key};\n"
            "  it is moved to other times of these days, and removed"
        )
        terminal.say(f"  at most {_calls(each)}; {render.count(len(each.facts), 'fact')}")
    for name in sorted({*names} - {p.system for p in planned}):
        terminal.warn(f"{name}: no calendar of it may be written to, so nothing can be measured")


def _calls(each: ProbePlan) -> str:
    if each.calendars == 0:
        return f"{MAX_CALLS} calls"
    if each.calendars is None:
        return f"{MAX_CALLS} calls, and {EACH_CALENDAR} for each calendar of {each.provider}"
    count = render.count(each.calendars, "calendar")
    return f"{MAX_CALLS} calls, and {EACH_CALENDAR * each.calendars} for free slots of {count}"


def _tell(result: Mapping[str, Any]) -> None:
    for name, system in sorted(result["systems"].items()):
        rows = [(fact, *_row(fact, told)) for fact, told in system["facts"].items()]
        count = f"{system['calls']} of at most {system['calls_allowed']} calls"
        title = f"{name} · {system['platform']} · {count}"
        terminal.table(title, ("fact", "measured", "safe side", "from now on"), rows, most=WIDTH)
        if system["state"] != "ok":
            terminal.warn(f"{name} is {system['state']}: {system['cause']}. {system['remedy']}")
        _tell_canary(name, system["canary"])
    if result["interrupted"]:
        terminal.warn("interrupted: what was measured before is kept")


def _row(fact: str, told: Mapping[str, Any]) -> tuple[str, str, str]:
    measured = told["measured"]
    if measured is None:
        return "-", told["safe"], f"not measured: {told['why'] or 'not tried'}"
    changes = _CHANGES.get(fact, _NOTHING)
    return measured, told["safe"], changes if measured != told["safe"] else _NOTHING


def _tell_canary(name: str, canary: Mapping[str, Any] | None) -> None:
    if canary is None:
        return
    if canary["removed"]:
        terminal.say(f"{name}: what was made for it is removed")
        return
    terminal.warn(
        f'{name}: "syncd probe" in the calendar of {canary["provider"]} is not known to be '
        "removed yet: the next run of syncd removes it"
    )
