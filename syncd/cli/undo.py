"""`syncd undo`: undo the writes of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import typer

from syncd.app import build
from syncd.cli import consent, left_behind_view, render, terminal
from syncd.cli.inspect import find_booking, open_state
from syncd.cli.options import (
    AllOption,
    ConfigOption,
    JsonOption,
    UsageError,
    settings_in_two,
    zone_of,
)
from syncd.cli.resync_run import ask_daemon, copy_of_state, stop_on_signals
from syncd.config.settings import Settings
from syncd.daemon.client import DaemonReply
from syncd.daemon.lock import StateLock, StateLockedError
from syncd.engine.operator.undo import NothingToUndoError, UndoReport
from syncd.engine.writing.operation_json import operation_from_json
from syncd.model import Operation
from syncd.store import Store
from syncd.store.queries.left_behind import LeftBehind
from syncd.store.repository.journal import intents_of


def undo(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as in `syncd history`.")],
    *,
    booking: Annotated[
        str | None, typer.Option("--booking", "-b", metavar="BOOKING", help="Only this booking.")
    ] = None,
    dry_run: bool = typer.Option(False, "--dry-run", help="Show the writes; make none."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Skip the plan and the question."),
    every: AllOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Undo the writes of a run, for each booking that has not changed since.

    Blocks that the run created are removed, moved events are moved back, and removed blocks are
    created again. Appointments that somebody on the platform moved stay where they are. syncd does
    not repeat an undone write until the booking changes; the time stays bookable meanwhile, and
    `syncd status` counts it as an exposure. If the daemon is running, the daemon does the work. On
    a terminal, the plan is shown and confirmation is asked for; without a terminal, or with --json,
    --yes is required. Exit: 0 everything was undone; 3 some bookings were skipped, or blocks exist
    in calendars that are no longer configured; 4 a system did not respond, or the operator answered
    no.
    """
    settings, full = settings_in_two(context, config)
    if not dry_run:
        consent.expect_consent("an undo writes to the systems", yes=yes, as_json=as_json)
    if dry_run:
        settings = full()
    if booking is not None:
        store = open_state(settings)
        booking = find_booking(store.find_bookings(booking), booking).id
        store.close()
    try:
        if dry_run:
            report = _preview(settings, run, booking, quiet=as_json)
            if as_json:
                terminal.print_json(report.to_json())
            else:
                _show_plan(settings, _UndoPreview.of(report), every=every)
            raise typer.Exit(report.exit.code)
        code = _carry_out(settings, full, run, booking, yes=yes, every=every, as_json=as_json)
        raise typer.Exit(code)
    except NothingToUndoError as error:
        raise UsageError(error.reason, error.remedy) from None


def _carry_out(
    settings: Settings,
    full: Callable[[], Settings],
    run: str,
    booking: str | None,
    *,
    yes: bool,
    every: bool,
    as_json: bool,
) -> int:
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="undo"):
            settings = full()
            if not yes:
                planned = _UndoPreview.of(_preview(settings, run, booking, quiet=False))
                if not _confirm(settings, planned, every=every):
                    return planned.exit
            report = asyncio.run(_undo(settings, run, booking, quiet=as_json))
            result, code = report.to_json(), report.exit.code
    except StateLockedError as error:
        if error.role != "daemon":
            raise
        arguments = {"run": run, "booking": booking}
        if not yes:
            # The daemon has recent reads and the credentials; this process may have no credentials.
            answer = ask_daemon(settings, "undo", {**arguments, "dry_run": True}, quiet=False)
            planned = _UndoPreview.from_json(answer)
            if not _confirm(settings, planned, every=every):
                return planned.exit
        answer = ask_daemon(settings, "undo", arguments, quiet=as_json)
        result, code = answer.result, answer.exit
        if not as_json:
            terminal.say("carried out by the running daemon")
    if as_json:
        terminal.print_json(result)
    else:
        _show_result(settings, result)
    return code


@dataclass(frozen=True, slots=True)
class _UndoPreview:
    """The plan of an undo, made here or by the daemon."""

    operations: Sequence[Operation]
    skipped: Sequence[Mapping[str, Any]]
    not_configured: Sequence[LeftBehind]
    exit: int

    @classmethod
    def of(cls, report: UndoReport) -> Self:
        skipped = [{"booking": each.booking, "why": each.why} for each in report.skipped]
        return cls(report.operations, skipped, report.out_of_reach, report.exit.code)

    @classmethod
    def from_json(cls, answer: DaemonReply) -> Self:
        """Parse the reply of the daemon."""
        data = answer.result
        return cls(
            [operation_from_json(each) for each in data["plan"]],
            data["left"],
            [LeftBehind.from_json(each) for each in data["left_behind"]],
            answer.exit,
        )


def _confirm(settings: Settings, planned: _UndoPreview, *, every: bool) -> bool:
    """Show the plan and ask; return false if it has no writes. Raises typer.Exit if declined."""
    if not planned.operations:
        _show_plan(settings, planned, every=every)
        return False
    consent.ask_consent(
        "Undo these writes?",
        lambda: _show_plan(settings, planned, every=every, asking=True),
        yes=False,
    )
    return True


def _preview(settings: Settings, run: str, booking: str | None, *, quiet: bool) -> UndoReport:
    """Plan the undo on a copy of the state; nothing is written anywhere."""
    store = copy_of_state(settings)

    async def plan() -> UndoReport:
        app = build(settings, store=store)
        try:
            with terminal.progress("reading", quiet=quiet) as update:
                return await app.engine.undo(run, booking=booking, dry_run=True, progress=update)
        finally:
            await app.aclose()

    return asyncio.run(plan())


async def _undo(settings: Settings, run: str, booking: str | None, *, quiet: bool) -> UndoReport:
    app = build(settings)
    stop_on_signals(app.engine.stopping)
    try:
        with terminal.progress("reading", quiet=quiet) as update:
            return await app.engine.undo(run, booking=booking, progress=update)
    finally:
        await app.aclose()


# --- what is printed --------------------------------------------------------------------------


def _show_plan(
    settings: Settings, planned: _UndoPreview, *, every: bool, asking: bool = False
) -> None:
    groups = consent.groups_of(settings, planned.operations, "write")
    consent.show_groups(groups, every=every)
    consent.show_totals(planned.operations)
    _print_skipped(planned.skipped)
    _print_not_configured(settings, planned.not_configured)
    number = render.count(len(planned.operations), "write")
    note = "nothing was written yet" if asking else "this was a dry run, and nothing was changed"
    terminal.say(f"{number} would be made; {note}")


def _show_result(settings: Settings, result: Mapping[str, Any]) -> None:
    store = Store.open(settings.syncd.state_path, write=False)
    operations = [i.operation for i in intents_of(store, result["run"])]
    store.close()
    _print_operations(settings, operations, f"write of run {result['run']}")
    _print_skipped(result["left"])
    _print_not_configured(settings, map(LeftBehind.from_json, result["left_behind"]))
    for name, system in sorted(result["systems"].items()):
        if system["state"] != "ok":
            terminal.warn(
                f"{name} is {system['state']}: run the command again when the system responds"
            )
    # A daemon of an older version does not send this key.
    if unwritten := result.get("unwritten", 0):
        number = render.count(unwritten, "write was", "writes were")
        terminal.warn(f"{number} not sent, or not confirmed yet: run the command again")
    count = render.count(len(result["bookings"]), "booking")
    terminal.say(f"{count} undone, {len(result['left'])} skipped")
    if result["bookings"]:
        terminal.say("syncd will not repeat these writes until the booking changes")


def _print_operations(settings: Settings, operations: Sequence[Operation], title: str) -> None:
    for provider in sorted({o.provider for o in operations}):
        zone = zone_of(settings, provider)
        rows = [
            (o.system, render.operation(o, zone), " ".join(o.bookings))
            for o in operations
            if o.provider == provider
        ]
        terminal.table(f"{provider} · {zone.key}", ("system", title, "booking"), rows)


def _print_skipped(skipped: Sequence[Mapping[str, Any]]) -> None:
    if skipped:
        rows = [(each["booking"] or "-", each["why"]) for each in skipped]
        terminal.table("skipped", ("booking", "reason"), rows)


def _print_not_configured(settings: Settings, blocks: Iterable[LeftBehind]) -> None:
    """Warn of blocks of the run in calendars that are no longer configured."""
    lines = list(left_behind_view.left_behind_lines(settings, blocks))
    for line in lines:
        terminal.warn(line)
    if lines:
        terminal.warn("These blocks were not undone: run the command again afterwards.")
