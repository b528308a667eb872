"""`syncd resync` and `syncd plan`: bring everything into step once, or say what that would take."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer

from syncd.cli import endings, left_behind, owners, reported, stopped, terminal, waiting, words
from syncd.cli.learned import forget_calls_of_others, limits_in, take_over
from syncd.cli.options import (
    AcceptOption,
    ConfigOption,
    FromOption,
    JsonOption,
    ProviderOption,
    ToOption,
    UsageError,
    chosen,
    settings_in_two,
    settings_of,
    span,
    zone_of,
)
from syncd.config.settings import Settings
from syncd.daemon.client import ask
from syncd.daemon.lock import StateHeld, StateLock
from syncd.engine.report import Exit, Report, UnknownOwners
from syncd.engine.stops import NotAcceptable, check_accept
from syncd.model import Fact, Item, Operation, Waiting, WaitReason, Window
from syncd.store import StateError, Store
from syncd.store.files import is_there
from syncd.store.left_behind import LeftBehind
from syncd.store.nightly import is_due
from syncd.store.nightly import make as make_backup
from syncd.store.reconcile import file_of
from syncd.store.reported import marks_of, shown_items
from syncd.wiring import build

_MOST_ROWS = 60
"""So many operations are listed one by one; the rest is counted."""

_BACKED_UP = timedelta(days=1)
"""Where no daemon makes backups at night, a resync makes one as often as this."""


def resync(
    context: typer.Context,
    *,
    dry_run: bool = typer.Option(False, "--dry-run", help="Decide, show, and write nothing."),
    provider: ProviderOption = None,
    start: FromOption = None,
    end: ToOption = None,
    accept: AcceptOption = None,
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not show the plan and ask first."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring all systems into step once: read, decide, write, until nothing is left to do.

    On a terminal the plan is shown and a yes is asked for; where the input is no terminal, it
    writes without asking. While the daemon runs, the daemon does the work, also without asking.
    Exit: 0 done, nothing left; 3 done, but a person is needed (held conflicts, double
    bookings, unreadable records, unless acknowledged); 4 done as far as possible (a system did
    not answer, writes wait, a person said no or interrupted); 5 stopped by the guard; 6 another
    syncd holds the state. The higher of 5, 4 and 3 wins. With --dry-run: as `plan`.
    """
    settings, full = settings_in_two(context, config)
    providers = chosen(settings, provider)
    window = span(settings, start, end)
    if dry_run:
        report = preview(full(), window, providers, accept, quiet=as_json)
        if as_json:
            terminal.print_json(report.to_json())
        else:
            show_plan(settings, report, accept)
        raise typer.Exit(report.exit.code)
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="resync"):
            settings = full()
            learned: list[Fact] = []
            if sys.stdin.isatty() and not yes and not as_json:
                planned = preview(settings, window, providers, accept, learned=learned)
                if planned.planned and not _agreed(settings, planned, accept):
                    raise typer.Exit(Exit.UNANSWERED.code)
            report = asyncio.run(
                _resync(settings, window, providers, accept, learned, quiet=as_json)
            )
            _back_up(path)
    except StateHeld as held:
        if held.role != "daemon":
            raise
        raise typer.Exit(_hand_over(settings, window, provider, accept, as_json=as_json)) from held
    data = report.to_json()
    if as_json:
        terminal.print_json(data)
    else:
        _show(settings, data, report.remarks, accept=accept)
    raise typer.Exit(report.exit.code)


def plan(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    start: FromOption = None,
    end: ToOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what a resync would write now, operation by operation. Writes nothing.

    Exit: 0 also where something would be written; 3 a person would be needed; 4 a system did not
    answer, or writes would wait; 5 the guard would stop it.
    """
    settings = settings_of(context, config)
    report = preview(
        settings, span(settings, start, end), chosen(settings, provider), quiet=as_json
    )
    if as_json:
        operations = [words.operation_json(o) for o in report.planned]
        terminal.print_json({**report.to_json(), "plan": operations})
    else:
        show_plan(settings, report)
    raise typer.Exit(report.exit.code)


def preview(
    settings: Settings,
    window: Window | None,
    providers: Sequence[str] | None,
    accept: str | None = None,
    *,
    quiet: bool = False,
    learned: list[Fact] | None = None,
) -> Report:
    """Read and decide on a copy of the state; nothing is written anywhere.

    ``learned`` takes what was learned of the accounts' limits meanwhile.
    """
    store = copy_of_state(settings)
    _check_accept(store, accept)

    async def run() -> Report:
        app = build(settings, store=store)
        # Nothing is tried here: what was refused last counts as refused.
        refused = {name for name, system in app.systems.items() if system.refused_writes}
        app.insist()
        app.engine.rests = lambda name: WaitReason.NO_ACCESS if name in refused else None
        try:
            with terminal.progress("reading", quiet=quiet) as told:
                return await app.engine.resync(
                    window=window,
                    providers=providers,
                    accept=accept,
                    dry_run=True,
                    progress=told,
                )
        finally:
            await app.close_systems()
            if learned is not None:
                learned.extend(limits_in(store))
            store.close()

    return asyncio.run(run())


def copy_of_state(settings: Settings) -> Store:
    """A copy of the state in memory, empty where there is none yet. Raises StateError."""
    path = settings.syncd.state_path
    if not is_there(path):
        store = Store.open("sqlite://")
        store.prove_by(file_of(path), append=False)
        return store
    store = Store.open(path, write=False)
    try:
        scratch = store.scratch()
    finally:
        store.close()
    forget_calls_of_others(scratch, path)
    return scratch


async def _resync(
    settings: Settings,
    window: Window | None,
    providers: Sequence[str] | None,
    accept: str | None,
    learned: Sequence[Fact],
    *,
    quiet: bool,
) -> Report:
    store = Store.open(settings.syncd.state_path)
    take_over(store, learned)
    app = build(settings, store=store)
    app.insist()
    stop_on_signals(app.engine.stopping)
    try:
        _check_accept(app.store, accept)
        with terminal.progress("reading", quiet=quiet) as told:
            report = await app.engine.resync(
                window=window, providers=providers, accept=accept, progress=told
            )
            if not app.engine.stopping.is_set():
                await app.engine.ask_slots(progress=told)
                report.exposures = await app.engine.exposed.measure()
                await app.engine.tidy()
            return report
    finally:
        await app.aclose()


def _back_up(state: Path) -> None:
    """Make a backup if the last one is older than a day; a run does not fail for want of one."""
    now = datetime.now(UTC)
    if is_due(state, now - _BACKED_UP, now):
        try:
            make_backup(state, now)
        except StateError as error:
            terminal.warn(f"no backup of the state was made: {error}")


def stop_on_signals(stopping: asyncio.Event) -> None:
    """The first signal ends the run after the request in flight; the second ends the process."""
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, _stop, stopping)


def _stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        raise KeyboardInterrupt
    stopping.set()


def _check_accept(store: Store, run: str | None) -> None:
    """Refuse a run whose stop cannot be accepted. Raises UsageError."""
    try:
        check_accept(store, run)
    except NotAcceptable as refused:
        raise UsageError(refused.reason, refused.remedy) from None


def _agreed(settings: Settings, planned: Report, accept: str | None) -> bool:
    show_plan(settings, planned, accept, asking=True)
    agreed = terminal.confirmed("Write this?")
    if not agreed:
        terminal.say("nothing was written")
    return agreed


def _hand_over(
    settings: Settings,
    window: Window | None,
    provider: str | None,
    accept: str | None,
    *,
    as_json: bool,
) -> int:
    """Let the daemon that holds the state do it, and show its progress and result."""
    arguments = {
        "provider": provider,
        "accept": accept,
        "from": words.instant_json(window.start) if window else None,
        "to": words.instant_json(window.end) if window else None,
    }
    if accept is not None:
        store = Store.open(settings.syncd.state_path, write=False)
        _check_accept(store, accept)
        store.close()
    with terminal.progress("asking the daemon", quiet=as_json) as told:
        answer = ask(settings.syncd.state_path, "resync", arguments, told)
    if as_json:
        terminal.print_json(answer.result)
    else:
        terminal.say("carried out by the running daemon")
        _show(settings, answer.result, accept=accept)
    return answer.exit


# --- what is printed --------------------------------------------------------------------------


def show_plan(
    settings: Settings, report: Report, accept: str | None = None, *, asking: bool = False
) -> None:
    """Print what would be written, by provider and in the provider's zone.

    ``asking``: a question follows, so this was no dry run.
    """
    by_provider: dict[str, list[Operation]] = {}
    for wanted in report.planned:
        by_provider.setdefault(wanted.provider, []).append(wanted)
    for provider, operations in sorted(by_provider.items()):
        zone = zone_of(settings, provider)
        ordered = sorted(operations, key=_by_time)
        rows = [(o.system, words.operation(o, zone), o.reason) for o in ordered[:_MOST_ROWS]]
        terminal.table(f"{provider} · {zone.key}", ("system", "would be written", "because"), rows)
        if len(operations) > _MOST_ROWS:
            terminal.say(f"  … and {len(operations) - _MOST_ROWS} more (--json lists all)")
    _show_trouble({n: str(s.state) for n, s in report.systems.items()}, _causes(report))
    _show_unknown_owners([each.to_json() for each in report.unknown])
    _show_items(report.items)
    _show_left_behind(settings, report.left_behind or ())
    _show_stops([each.to_json() for each in report.stopped], accept)
    if report.conflicts:
        terminal.say(f"{words.count(report.conflicts, 'conflict')} would be held")
    _show_waiting(report.waiting, settings)
    _warn_of_waiting(report.to_json(), zone_of(settings, None))
    total = len(report.planned)
    ending = "nothing can be written now" if report.waiting else "nothing to write"
    ending = f"{words.count(total, 'write')} would be made" if total else ending
    told = "nothing was written yet" if asking else "this was a dry run, and nothing was changed"
    terminal.say(f"{ending}; {told}")


def _show_waiting(found: Sequence[Waiting], settings: Settings) -> None:
    """Print the writes that wait, and why."""
    rows = [
        (w.operation.system, words.operation(w.operation, zone), str(w.why).replace("_", " "))
        for w in found[:_MOST_ROWS]
        for zone in [zone_of(settings, w.operation.provider)]
    ]
    if rows:
        terminal.table("waiting", ("system", "would be written", "reason"), rows)


def _warn_of_waiting(data: Mapping[str, Any], zone: ZoneInfo) -> None:
    """Sum up what waits, by system and reason, and say whether this machine's clock is wrong."""
    causes = {name: system.get("cause", "") for name, system in data["systems"].items()}
    # A daemon of an older version may not send the times.
    for line in (
        *waiting.lines(data["waiting"], zone, causes),
        *waiting.clock_lines(data.get("clock_error_seconds", 0)),
    ):
        terminal.warn(line)


def _causes(report: Report) -> dict[str, str]:
    return {name: system.cause for name, system in report.systems.items()}


def _by_time(wanted: Operation) -> tuple[datetime, str]:
    value = wanted.after or wanted.before
    return (value.start if value else datetime.max.replace(tzinfo=UTC), wanted.system)


def _show(
    settings: Settings,
    data: dict[str, Any],
    remarks: Sequence[str] = (),
    *,
    accept: str | None = None,
) -> None:
    """Print how a run ended: ``data`` is the object of `resync --json`.

    Remarks are known here only of a run of our own; the daemon's are in its log.
    """
    rows = [
        (name, s["state"], str(s["reads"]), str(s["writes"]))
        for name, s in sorted(data["systems"].items())
    ]
    terminal.table(f"run {data['run']}", ("system", "state", "reads", "writes"), rows)
    systems = data["systems"].items()
    _show_trouble({n: s["state"] for n, s in systems}, {n: s.get("cause", "") for n, s in systems})
    for remark in remarks:
        terminal.warn(remark)
    made = words.writes(data["operations"])
    waits = len(data["waiting"])
    differed = "nothing" if data["stopped"] or waits else "nothing, as nothing differed"
    terminal.say("written: " + (made or differed))
    _show_stops(data["stopped"], accept)
    items = _items(settings)
    _show_unknown_owners(data["unknown_owners"])
    _warn_of_waiting(data, zone_of(settings, None))
    _show_items(items)
    _show_left_behind(settings, map(LeftBehind.from_json, data["left_behind"]))
    left, behind = endings.left_of(data["left"]), bool(data["left_behind"])
    terminal.say(endings.ending(left, data["acknowledged"], left_behind=behind))


def _show_trouble(states: Mapping[str, str], causes: Mapping[str, str]) -> None:
    for name, state in sorted(states.items()):
        if state != "ok":
            terminal.warn(f"{name} is {state}: {causes.get(name) or 'see `syncd status`'}")


def _show_unknown_owners(found: Sequence[Mapping[str, Any]]) -> None:
    for line in owners.lines(map(UnknownOwners.from_json, found)):
        terminal.warn(line)


def _show_items(items: Sequence[Item]) -> None:
    for line in reported.lines(items):
        terminal.warn(line)


def _show_stops(stops: Sequence[Mapping[str, Any]], accept: str | None) -> None:
    if stops and accept is not None:
        terminal.warn(stopped.left_over(accept))
    for line in stopped.lines(stops):
        terminal.warn(line)


def _show_left_behind(settings: Settings, found: Iterable[LeftBehind]) -> None:
    for line in left_behind.lines(settings, found):
        terminal.warn(line)


def _items(settings: Settings) -> list[Item]:
    """Return what is reported, as the state has it."""
    try:
        store = Store.open(settings.syncd.state_path, write=False)
    except StateError:
        return []
    items = shown_items(store, datetime.now(UTC), marks_of(store))
    store.close()
    return items
