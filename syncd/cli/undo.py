"""`syncd undo`: put back what a run wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import typer

from syncd.app import build
from syncd.cli import consent, left_behind_view, render, terminal
from syncd.cli.inspect import open_state, the_booking
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
from syncd.daemon.lock import StateHeldError, StateLock
from syncd.engine.operation_json import operation_from_json
from syncd.engine.undo import NothingToUndoError, UndoReport
from syncd.model import Operation
from syncd.store import Store
from syncd.store.journal import intents_of
from syncd.store.left_behind import LeftBehind


def undo(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="As `syncd history` names it.")],
    *,
    booking: Annotated[
        str | None, typer.Option("--booking", "-b", metavar="BOOKING", help="Only this booking.")
    ] = None,
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what would be done, and do not."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not show the plan and ask first."),
    every: AllOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Put back what a run wrote, for each booking that nobody has touched since.

    Blocks that it made are removed, what it moved goes back, what it removed is made again; real
    appointments that others moved stay where they are. What was put back is left so until the
    booking changes, and the time is open there meanwhile: `syncd status` counts it. While the
    daemon runs, the daemon does it. On a terminal the plan is shown and a yes is asked for; without
    one, and with --json, it needs --yes. Exit: 0 all is put back, 3 some bookings were left as they
    are, or blocks stand where the configuration maps nothing any more, 4 a system did not answer,
    or a person said no.
    """
    settings, full = settings_in_two(context, config)
    if not dry_run:
        consent.expect_consent("an undo writes to the systems", yes=yes, as_json=as_json)
    if dry_run:
        settings = full()
    if booking is not None:
        store = open_state(settings)
        booking = the_booking(store.find_bookings(booking), booking).id
        store.close()
    try:
        if dry_run:
            undone = _preview(settings, run, booking, quiet=as_json)
            if as_json:
                terminal.print_json(undone.to_json())
            else:
                _tell_plan(settings, _Planned.of(undone), every=every)
            raise typer.Exit(undone.exit.code)
        code = _carry_out(settings, full, run, booking, yes=yes, every=every, as_json=as_json)
        raise typer.Exit(code)
    except NothingToUndoError as nothing:
        raise UsageError(nothing.reason, nothing.remedy) from None


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
                planned = _Planned.of(_preview(settings, run, booking, quiet=False))
                if not _agreed(settings, planned, every=every):
                    return planned.exit
            undone = asyncio.run(_undo(settings, run, booking, quiet=as_json))
            result, code = undone.to_json(), undone.exit.code
    except StateHeldError as held:
        if held.role != "daemon":
            raise
        wanted = {"run": run, "booking": booking}
        if not yes:
            # The daemon has read lately, and has the credentials; this process may have none.
            answer = ask_daemon(settings, "undo", {**wanted, "dry_run": True}, quiet=False)
            planned = _Planned.from_json(answer)
            if not _agreed(settings, planned, every=every):
                return planned.exit
        answer = ask_daemon(settings, "undo", wanted, quiet=as_json)
        result, code = answer.result, answer.exit
        if not as_json:
            terminal.say("carried out by the running daemon")
    if as_json:
        terminal.print_json(result)
    else:
        _tell(settings, result)
    return code


@dataclass(frozen=True, slots=True)
class _Planned:
    """What an undo would do, whoever planned it."""

    operations: Sequence[Operation]
    left: Sequence[Mapping[str, Any]]
    out_of_reach: Sequence[LeftBehind]
    exit: int

    @classmethod
    def of(cls, undone: UndoReport) -> Self:
        left = [{"booking": each.booking, "why": each.why} for each in undone.skipped]
        return cls(undone.operations, left, undone.out_of_reach, undone.exit.code)

    @classmethod
    def from_json(cls, answer: DaemonReply) -> Self:
        """Read what a daemon sent."""
        told = answer.result
        return cls(
            [operation_from_json(each) for each in told["plan"]],
            told["left"],
            [LeftBehind.from_json(each) for each in told["left_behind"]],
            answer.exit,
        )


def _agreed(settings: Settings, planned: _Planned, *, every: bool) -> bool:
    """Ask whether to do it; return False where nothing can be done. Raises typer.Exit on a no."""
    if not planned.operations:
        _tell_plan(settings, planned, every=every)
        return False
    consent.ask_consent(
        "Put this back?",
        lambda: _tell_plan(settings, planned, every=every, asking=True),
        yes=False,
    )
    return True


def _preview(settings: Settings, run: str, booking: str | None, *, quiet: bool) -> UndoReport:
    """Plan it on a copy of the state; nothing is written anywhere."""
    store = copy_of_state(settings)

    async def plan() -> UndoReport:
        app = build(settings, store=store)
        try:
            with terminal.progress("reading", quiet=quiet) as told:
                return await app.engine.undo(run, booking=booking, dry_run=True, progress=told)
        finally:
            await app.aclose()

    return asyncio.run(plan())


async def _undo(settings: Settings, run: str, booking: str | None, *, quiet: bool) -> UndoReport:
    app = build(settings)
    stop_on_signals(app.engine.stopping)
    try:
        with terminal.progress("reading", quiet=quiet) as told:
            return await app.engine.undo(run, booking=booking, progress=told)
    finally:
        await app.aclose()


# --- what is printed --------------------------------------------------------------------------


def _tell_plan(settings: Settings, planned: _Planned, *, every: bool, asking: bool = False) -> None:
    groups = consent.groups_of(settings, planned.operations, "would be put back")
    consent.show_groups(groups, every=every)
    consent.show_totals(planned.operations)
    _print_left(planned.left)
    _print_out_of_reach(settings, planned.out_of_reach)
    number = render.count(len(planned.operations), "write")
    told = "nothing was written yet" if asking else "this was a dry run, and nothing was changed"
    terminal.say(f"{number} would be made; {told}")


def _tell(settings: Settings, result: Mapping[str, Any]) -> None:
    store = Store.open(settings.syncd.state_path, write=False)
    wrote = [i.operation for i in intents_of(store, result["run"])]
    store.close()
    _print_operations(settings, wrote, f"put back by run {result['run']}")
    _print_left(result["left"])
    _print_out_of_reach(settings, map(LeftBehind.from_json, result["left_behind"]))
    for name, system in sorted(result["systems"].items()):
        if system["state"] != "ok":
            terminal.warn(f"{name} is {system['state']}: run the command again when it answers")
    # A daemon of an older version does not say it.
    if unwritten := result.get("unwritten", 0):
        number = render.count(unwritten, "write was", "writes were")
        terminal.warn(f"{number} not sent, or not confirmed yet: run the command again")
    put_back = render.count(len(result["bookings"]), "booking")
    terminal.say(f"{put_back} put back, {len(result['left'])} left as they are")
    if result["bookings"]:
        terminal.say("what was put back stays so until the booking changes")


def _print_operations(settings: Settings, operations: Sequence[Operation], title: str) -> None:
    for provider in sorted({o.provider for o in operations}):
        zone = zone_of(settings, provider)
        rows = [
            (o.system, render.operation(o, zone), " ".join(o.bookings))
            for o in operations
            if o.provider == provider
        ]
        terminal.table(f"{provider} · {zone.key}", ("system", title, "booking"), rows)


def _print_left(left: Sequence[Mapping[str, Any]]) -> None:
    if left:
        rows = [(each["booking"] or "-", each["why"]) for each in left]
        terminal.table("left as they are", ("booking", "because"), rows)


def _print_out_of_reach(settings: Settings, found: Iterable[LeftBehind]) -> None:
    """Name what the run wrote and nobody can put back."""
    told = list(left_behind_view.lines(settings, found))
    for line in told:
        terminal.warn(line)
    if told:
        terminal.warn("Nothing of that was put back: run the command again afterwards.")
