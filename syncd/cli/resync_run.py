"""What the commands that resync share: the preview on a copy, the run itself, and the daemon."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from syncd.app import build
from syncd.cli import terminal
from syncd.cli.learned_limits import forget_calls_of_others, limits_in, take_over
from syncd.cli.options import InterruptedByUserError, UsageError
from syncd.config.settings import Settings
from syncd.daemon.client import DaemonReply, send_request
from syncd.engine.agreed_operations import AgreedOperations, ShownPlan
from syncd.engine.guard_stops import AcceptError, check_accept
from syncd.engine.report import Report
from syncd.model import Fact, WaitReason, Window
from syncd.model.pauses import Pause
from syncd.store import StateError, Store
from syncd.store.created_ids_sync import created_ids_file
from syncd.store.files import state_exists
from syncd.store.nightly import is_backup_due, make_backup
from syncd.store.pauses import end_pauses

_BACKED_UP = timedelta(days=1)
"""Where no daemon makes backups at night, a resync makes one as often as this."""


def preview_resync(
    settings: Settings,
    window: Window | None,
    providers: Sequence[str] | None,
    accept: str | None = None,
    *,
    quiet: bool = False,
    learned: list[Fact] | None = None,
    unpaused: Collection[Pause] = (),
) -> Report:
    """Read and decide on a copy of the state; nothing is written anywhere.

    ``unpaused`` are pauses that would be over by then. ``learned`` takes what was learned of the
    accounts' limits meanwhile.
    """
    store = copy_of_state(settings)
    expect_acceptable(store, accept)
    end_pauses(store, unpaused)

    async def run() -> Report:
        app = build(settings, store=store)
        # Nothing is tried here: what was refused last counts as refused.
        refused = {name for name, system in app.systems.items() if system.refused_writes}
        app.reset_backoff()
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

    report = asyncio.run(run())
    if providers is not None:
        report.held_back = [h for h in report.held_back if h.operation.provider in providers]
    return report


def copy_of_state(settings: Settings) -> Store:
    """A copy of the state in memory, empty where there is none yet. Raises StateError."""
    path = settings.syncd.state_path
    if not state_exists(path):
        store = Store.open("sqlite://")
        store.use_created_ids(created_ids_file(path), append=False)
        return store
    store = Store.open(path, write=False)
    try:
        scratch = store.in_memory_copy()
    finally:
        store.close()
    forget_calls_of_others(scratch, path)
    return scratch


async def carry_out(
    settings: Settings,
    window: Window | None,
    providers: Sequence[str] | None,
    accept: str | None,
    learned: Sequence[Fact],
    *,
    quiet: bool,
    exactly: AgreedOperations | None = None,
    shown: ShownPlan | None = None,
) -> Report:
    """Resync with the state itself, and measure what is still offered. The caller has its lock.

    ``learned`` is what was learned of the accounts' limits before, ``exactly`` the plan that is
    carried out, ``shown`` what a person was shown, if somebody was asked.
    """
    store = Store.open(settings.syncd.state_path)
    take_over(store, learned)
    app = build(settings, store=store)
    app.reset_backoff()
    if shown is not None:
        app.engine.admits = shown.admit
    stop_on_signals(app.engine.stopping)
    try:
        expect_acceptable(app.store, accept)
        with terminal.progress("reading", quiet=quiet) as told:
            report = await app.engine.resync(
                window=window,
                providers=providers,
                accept=accept,
                exactly=exactly,
                progress=told,
            )
            if not app.engine.stopping.is_set():
                await app.engine.read_free_slots(progress=told)
                report.exposures = await app.engine.exposure_tracker.measure()
                await app.engine.compact()
            return report
    finally:
        await app.aclose()


def back_up(state: Path) -> None:
    """Make a backup if the last one is older than a day; a run does not fail for want of one."""
    now = datetime.now(UTC)
    if is_backup_due(state, now - _BACKED_UP, now):
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


def expect_acceptable(store: Store, run: str | None) -> None:
    """Refuse a run whose stop cannot be accepted. Raises UsageError."""
    try:
        check_accept(store, run)
    except AcceptError as refused:
        raise UsageError(refused.reason, refused.remedy) from None


def ask_daemon(
    settings: Settings, command: str, arguments: Mapping[str, object], *, quiet: bool
) -> DaemonReply:
    """Have the daemon carry out a command and show its progress.

    Raises InterruptedByUserError on Ctrl-C.
    """
    last = "nothing yet"
    with terminal.progress("asking the daemon", quiet=quiet) as told:

        def hear(text: str) -> None:
            nonlocal last
            last = text
            told(text)

        try:
            return send_request(settings.syncd.state_path, command, arguments, hear)
        except KeyboardInterrupt:
            raise InterruptedByUserError(
                f"interrupted; the last that the daemon said was: {last}",
                "What it has sent is in the journal. The daemon goes on by itself: see "
                "`syncd status`.",
            ) from None
