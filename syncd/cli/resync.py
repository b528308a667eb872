"""`syncd resync` and `syncd plan`: bring everything into step once, or say what that would take."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from syncd.cli import consent, resync_text, terminal, words
from syncd.cli.learned import forget_calls_of_others, limits_in, take_over
from syncd.cli.options import (
    AcceptOption,
    AllOption,
    ConfigOption,
    FromOption,
    Interrupted,
    JsonOption,
    ProviderOption,
    ToOption,
    UsageError,
    chosen,
    settings_in_two,
    settings_of,
    span,
)
from syncd.cli.unasked import expect_earlier_consent
from syncd.config.settings import Settings
from syncd.daemon.client import Answer, ask
from syncd.daemon.lock import StateHeld, StateLock
from syncd.engine.planned import operation_json
from syncd.engine.report import Report
from syncd.engine.stops import NotAcceptable, check_accept
from syncd.model import Fact, WaitReason, Window
from syncd.store import StateError, Store
from syncd.store.files import is_there
from syncd.store.nightly import is_due
from syncd.store.nightly import make as make_backup
from syncd.store.reconcile import file_of
from syncd.wiring import build

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
    every: AllOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring all systems into step once: read, decide, write, until nothing is left to do.

    On a terminal the plan is shown and a yes is asked for. Without one, and with --json, nobody can
    be asked: it needs --yes or --accept where this state never wrote or a calendar is new to it,
    and from version 0.2 on always. While the daemon runs, the daemon does the work, which it would
    soon do by itself, so nobody is asked.
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
            resync_text.show_plan(settings, report, accept, every=every)
        raise typer.Exit(report.exit.code)
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="resync"):
            settings = full()
            learned: list[Fact] = []
            if not yes:
                _expect_consent(
                    settings, window, providers, accept, learned, every=every, as_json=as_json
                )
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
        resync_text.show(settings, data, report.remarks, accept=accept)
    raise typer.Exit(report.exit.code)


def _expect_consent(
    settings: Settings,
    window: Window | None,
    providers: Sequence[str] | None,
    accept: str | None,
    learned: list[Fact],
    *,
    every: bool,
    as_json: bool,
) -> None:
    """Show the plan and ask, or apply the rule for where nobody can be asked.

    Raises typer.Exit on a no, and UsageError.
    """
    if as_json or not consent.can_ask():
        if accept is None:
            expect_earlier_consent(settings, providers)
        return
    planned = preview(settings, window, providers, accept, learned=learned)
    if planned.planned:
        consent.ask(
            "Write this?",
            lambda: resync_text.show_plan(settings, planned, accept, asking=True, every=every),
            yes=False,
        )


def plan(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    start: FromOption = None,
    end: ToOption = None,
    every: AllOption = False,
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
        operations = [operation_json(o) for o in report.planned]
        terminal.print_json({**report.to_json(), "plan": operations})
    else:
        resync_text.show_plan(settings, report, every=every)
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
                report.exposures = app.engine.exposed.measure()
                app.engine.tidy()
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
    answer = ask_daemon(settings, "resync", arguments, quiet=as_json)
    if as_json:
        terminal.print_json(answer.result)
    else:
        terminal.say("carried out by the running daemon")
        resync_text.show(settings, answer.result, accept=accept)
    return answer.exit


def ask_daemon(
    settings: Settings, command: str, arguments: Mapping[str, object], *, quiet: bool
) -> Answer:
    """Have the daemon carry out a command and show its progress. Raises Interrupted on Ctrl-C."""
    last = "nothing yet"
    with terminal.progress("asking the daemon", quiet=quiet) as told:

        def hear(text: str) -> None:
            nonlocal last
            last = text
            told(text)

        try:
            return ask(settings.syncd.state_path, command, arguments, hear)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted; the last that the daemon said was: {last}",
                "What it has sent is in the journal. The daemon goes on by itself: see "
                "`syncd status`.",
            ) from None
