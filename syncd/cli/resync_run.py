"""Steps shared by commands that resync: the preview on a copy, the run, and the daemon request."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from syncd.app import build
from syncd.cli import terminal
from syncd.cli.learned_limits import forget_calls_of_others, save_limits, stored_limits
from syncd.cli.options import InterruptedByUserError, UsageError
from syncd.config.settings import Settings
from syncd.daemon.client import DaemonReply, send_request
from syncd.engine.deciding.guard_stops import AcceptError, check_accept
from syncd.engine.report.run_report import Report
from syncd.engine.writing.approved_operations import ApprovedOperations, ShownPlan
from syncd.model import Fact, WaitReason, Window
from syncd.model.pauses import Pause
from syncd.store import StateError, Store
from syncd.store.backup.created_ids_sync import created_ids_file
from syncd.store.backup.nightly import is_backup_due, make_backup
from syncd.store.database.files import state_exists
from syncd.store.queries.pauses import end_pauses

_BACKUP_INTERVAL = timedelta(days=1)
"""How often a resync creates a backup; for installations that do not run the daemon."""


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
    """Read and decide on a copy of the state, for a plan; nothing is written anywhere.

    ``window`` and ``providers`` limit the plan (None: all). ``accept`` is the run whose guard stops
    the operator accepts. ``unpaused`` are pauses to ignore. The rate limits that are learned while
    reading are appended to ``learned``. ``quiet`` shows no progress.
    """
    store = copy_of_state(settings)
    expect_acceptable(store, accept)
    end_pauses(store, unpaused)

    async def run() -> Report:
        app = build(settings, store=store)
        # A preview tests no write, so a system that last refused writes counts as refusing them.
        refused = {name for name, system in app.systems.items() if system.refused_writes}
        app.reset_backoff()
        app.engine.why_suspended = lambda name: WaitReason.NO_ACCESS if name in refused else None
        try:
            with terminal.progress("reading", quiet=quiet) as update:
                return await app.engine.resync(
                    window=window,
                    providers=providers,
                    accept=accept,
                    dry_run=True,
                    progress=update,
                )
        finally:
            await app.close_systems()
            if learned is not None:
                learned.extend(stored_limits(store))
            store.close()

    report = asyncio.run(run())
    if providers is not None:
        report.held_back = [h for h in report.held_back if h.operation.provider in providers]
    return report


def copy_of_state(settings: Settings) -> Store:
    """Return an in-memory copy of the state, empty if there is none yet. Raises StateError."""
    path = settings.syncd.state_path
    if not state_exists(path):
        store = Store.open("sqlite://")
        store.use_created_ids(created_ids_file(path), append=False)
        return store
    store = Store.open(path, write=False)
    try:
        copy = store.in_memory_copy()
    finally:
        store.close()
    forget_calls_of_others(copy, path)
    return copy


async def carry_out(
    settings: Settings,
    window: Window | None,
    providers: Sequence[str] | None,
    accept: str | None,
    learned: Sequence[Fact],
    *,
    quiet: bool,
    exactly: ApprovedOperations | None = None,
    shown: ShownPlan | None = None,
) -> Report:
    """Resync on the state itself, then read free slots. The caller holds the lock of the state.

    ``window``, ``providers`` and ``accept`` are as in `preview_resync`. ``learned`` are rate limits
    learned before, ``exactly`` is the plan file that is carried out (None: no file), and ``shown``
    the plan that the operator approved (None: no plan was shown).
    """
    store = Store.open(settings.syncd.state_path)
    save_limits(store, learned)
    app = build(settings, store=store)
    app.reset_backoff()
    if shown is not None:
        app.engine.admit = shown.admit
    stop_on_signals(app.engine.stopping)
    try:
        expect_acceptable(app.store, accept)
        with terminal.progress("reading", quiet=quiet) as update:
            report = await app.engine.resync(
                window=window,
                providers=providers,
                accept=accept,
                exactly=exactly,
                progress=update,
            )
            if not app.engine.stopping.is_set():
                await app.engine.read_free_slots(progress=update)
                report.exposures = await app.engine.exposure_tracker.measure()
                await app.engine.compact()
            return report
    finally:
        await app.aclose()


def back_up(state: Path) -> None:
    """Make a backup if the last one is older than a day; warn if that fails."""
    now = datetime.now(UTC)
    if is_backup_due(state, now - _BACKUP_INTERVAL, now):
        try:
            make_backup(state, now)
        except StateError as error:
            terminal.warn(f"no backup of the state was made: {error}")


def stop_on_signals(stopping: asyncio.Event) -> None:
    """End the run after the request in flight on a first signal, and the process on a second."""
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, _stop, stopping)


def _stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        raise KeyboardInterrupt
    stopping.set()


def expect_acceptable(store: Store, run: str | None) -> None:
    """Check that ``run`` has guard stops that can be accepted (--accept). Raises UsageError."""
    try:
        check_accept(store, run)
    except AcceptError as error:
        raise UsageError(error.reason, error.remedy) from None


def ask_daemon(
    settings: Settings, command: str, arguments: Mapping[str, object], *, quiet: bool
) -> DaemonReply:
    """Have the daemon carry out a command; show its progress, and return its response.

    Raises InterruptedByUserError on Ctrl-C.
    """
    last_progress = "nothing yet"
    with terminal.progress("asking the daemon", quiet=quiet) as update:

        def show(text: str) -> None:
            nonlocal last_progress
            last_progress = text
            update(text)

        try:
            return send_request(settings.syncd.state_path, command, arguments, show)
        except KeyboardInterrupt:
            raise InterruptedByUserError(
                f"interrupted; the last progress of the daemon was: {last_progress}",
                "Its writes are in the journal, and the daemon continues by itself: see "
                "`syncd status`.",
            ) from None
