"""`syncd probe`: measure platform facts that are not documented, in the user's own accounts."""

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
from syncd.daemon.lock import StateLock, StateLockedError
from syncd.engine.probing.plan import EACH_CALENDAR, MAX_CALLS, ProbePlan, plan_probe
from syncd.model.pauses import OBSERVE_REASON, OBSERVE_REMEDY

_WIDTH = 80
"""The width of the tables, in columns."""

_UNCHANGED = "no change"

_EFFECTS = {
    "block_by_id": "one read proves a block gone",
    "list_lag": "lists trusted after this lag",
    "keeps_tag": "lost creates found by time",
    "lists_blocks": "several creates at a time",
    "makes_blocks": 'configure blocks = "hold"',
    "update_keeps_end": "no reread after block moves",
    "refuses_deleted": "one read proves a deletion",
    "rows_carry_owner": "missing owners are reported",
    "rows_carry_end": "missing ends are reported",
    "lists_cancelled": "lists confirm cancellations",
    "completing_changes_end": "end of completed tasks counts",
}
"""What changes in syncd if the measured value of a fact differs from its safe side."""


def probe(
    context: typer.Context,
    system: Annotated[
        str | None, typer.Argument(metavar="[SYSTEM]", help="Only this system; default: all.")
    ] = None,
    *,
    forget: bool = typer.Option(
        False, "--forget", help="Forget the measured facts; measure nothing."
    ),
    yes: bool = typer.Option(False, "--yes", "-y", help="Skip the plan and the question."),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Show what would be created; create nothing."
    ),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Measure the platform facts that only a live account can show.

    In each system, one block (in LeadSquared: a task) titled "syncd probe" is created about 60 days
    ahead, at night, in the calendar of one provider; it is read, moved and removed. Nothing else is
    written. The measured facts are stored with their date and used from then on. A system gets at
    most 20 calls, and 2 more for each calendar whose free slots are read. Ctrl-C removes the block;
    after a crash, the next command that writes removes it. If the daemon is running, the daemon
    does the work. Exit: 0 every fact that can be measured was measured; 4 a system did not respond
    or rejected a request, the block is not removed yet, or the operator declined or interrupted.
    """
    settings, full = settings_in_two(context, config)
    names = _chosen(settings, system)
    if forget:
        raise typer.Exit(_forget(settings, full, names, as_json=as_json))
    if settings.syncd.mode == "observe":
        raise UsageError(OBSERVE_REASON, OBSERVE_REMEDY)
    if dry_run:
        _show_plan(settings, _planned(full(), names), names, as_json=as_json)
        raise typer.Exit
    consent.expect_consent("a probe creates a block in each system", yes=yes, as_json=as_json)
    if not yes:
        planned = _planned(full(), names)
        consent.ask_consent(
            "Create this block in each system, measure, and remove it?",
            lambda: _show_plan(settings, planned, names, as_json=False),
            yes=False,
        )
    raise typer.Exit(_carry_out(settings, full, names, as_json=as_json))


def _chosen(settings: Settings, system: str | None) -> list[str]:
    mapped = sorted({name for p in settings.providers.values() for name in p.calendars})
    if system is None:
        return mapped
    if system not in mapped:
        known = ", ".join(mapped)
        raise UsageError(f"there is no system {system!r}", f"Systems with calendars: {known}.")
    return [system]


def _planned(settings: Settings, names: Sequence[str]) -> list[ProbePlan]:
    """Plan a probe on a copy of the state, without any call to a system."""
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
    except StateLockedError as error:
        if error.role != "daemon":
            raise
        with terminal.progress("asking the daemon", quiet=as_json) as update:
            answer = send_request(path, "probe", {"systems": list(names)}, update)
        if not as_json:
            terminal.say("carried out by the running daemon")
    if as_json:
        terminal.print_json(answer.result)
    else:
        _show_result(answer.result)
    return answer.exit


async def _probe(settings: Settings, names: Sequence[str], *, quiet: bool) -> DaemonReply:
    app = build(settings)
    app.reset_backoff()
    stop_on_signals(app.engine.stopping)
    try:
        with terminal.progress("starting", quiet=quiet) as update:
            probed = await app.engine.probe(names, progress=update)
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
    except StateLockedError as error:
        if error.role != "daemon":
            raise
        result = send_request(
            path, "probe", {"systems": list(names), "forget": True}, lambda _: None
        ).result
    if as_json:
        terminal.print_json(result)
        return 0
    for name, facts in sorted(result["forgotten"].items()):
        count = render.count(len(facts), "measured fact")
        terminal.say(f"{name}: {count} forgotten" + (f" ({', '.join(facts)})" if facts else ""))
    terminal.say("the safe side of each fact is assumed until `syncd probe` measures it again")
    return 0


async def _forgotten(app: App, names: Sequence[str]) -> dict[str, Any]:
    try:
        return {"forgotten": app.engine.forget_facts(names)}
    finally:
        await app.aclose()


# --- what is printed --------------------------------------------------------------------------


def _show_plan(
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
            "  syncd moves it within these days, and then removes it"
        )
        terminal.say(f"  at most {_calls(each)}; {render.count(len(each.facts), 'fact')}")
    for name in sorted({*names} - {p.system for p in planned}):
        terminal.warn(
            f"{name}: nothing can be measured, because syncd may write to no calendar of this "
            "system"
        )


def _calls(each: ProbePlan) -> str:
    if each.calendars == 0:
        return f"{MAX_CALLS} calls"
    if each.calendars is None:
        return f"{MAX_CALLS} calls, and {EACH_CALENDAR} for each calendar of {each.provider}"
    count = render.count(each.calendars, "calendar")
    return f"{MAX_CALLS} calls, and {EACH_CALENDAR * each.calendars} for free slots of {count}"


def _show_result(result: Mapping[str, Any]) -> None:
    for name, system in sorted(result["systems"].items()):
        rows = [(name, *_row(name, fact)) for name, fact in system["facts"].items()]
        count = f"{system['calls']} of at most {system['calls_allowed']} calls"
        title = f"{name} · {system['platform']} · {count}"
        terminal.table(title, ("fact", "measured", "safe side", "effect"), rows, width=_WIDTH)
        if system["state"] != "ok":
            terminal.warn(f"{name} is {system['state']}: {system['cause']}. {system['remedy']}")
        _show_canary(name, system["canary"])
    if result["interrupted"]:
        terminal.warn("interrupted: the facts measured so far are kept")


def _row(name: str, fact: Mapping[str, Any]) -> tuple[str, str, str]:
    measured = fact["measured"]
    if measured is None:
        return "-", fact["safe"], f"not measured: {fact['why'] or 'not tried'}"
    effect = _EFFECTS.get(name, _UNCHANGED)
    return measured, fact["safe"], effect if measured != fact["safe"] else _UNCHANGED


def _show_canary(name: str, canary: Mapping[str, Any] | None) -> None:
    if canary is None:
        return
    if canary["removed"]:
        terminal.say(f"{name}: the event of the probe was removed")
        return
    terminal.warn(
        f'{name}: "syncd probe" in the calendar of {canary["provider"]} may still exist: '
        "the next run of syncd removes it"
    )
