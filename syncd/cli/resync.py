"""`syncd resync` and `syncd plan`: bring everything into step once, or say what that would take."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import consent, plan_file, render, resync_text, terminal
from syncd.cli.earlier_consent import expect_earlier_consent
from syncd.cli.options import (
    AcceptOption,
    AllOption,
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
)
from syncd.cli.privileges import new_output
from syncd.cli.resync_plan import resync_planned
from syncd.cli.resync_run import ask_daemon, back_up, carry_out, expect_acceptable, preview_resync
from syncd.config.settings import Settings
from syncd.daemon.lock import StateHeldError, StateLock
from syncd.engine.agreed_operations import ShownPlan
from syncd.engine.operation_json import operation_json
from syncd.engine.report import Report
from syncd.model import Fact, WaitReason, Window
from syncd.store import Store


def resync(
    context: typer.Context,
    *,
    dry_run: bool = typer.Option(False, "--dry-run", help="Decide, show, and write nothing."),
    provider: ProviderOption = None,
    start: FromOption = None,
    end: ToOption = None,
    accept: AcceptOption = None,
    plan_from: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            metavar="FILE",
            help="Write exactly what `syncd plan --out FILE` planned, or nothing.",
        ),
    ] = None,
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not show the plan and ask first."),
    every: AllOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring all systems into step once: read, decide, write, until nothing is left to do.

    On a terminal the plan is shown and a yes is asked for. Without one, and with --json, nobody can
    be asked: it needs --yes or --accept where this state never wrote or a calendar is new to it,
    and from version 0.2 on always. While the daemon runs, the daemon does the work, which it would
    soon do by itself, so nobody is asked. With --plan nobody is asked either: what is decided has
    to be just what the file lists, else nothing is written, what differs is shown, and it ends with
    4; a file that is edited, expired or another installation's ends it with 2.
    Exit: 0 done, nothing left; 3 done, but a person is needed (held conflicts, double
    bookings, unreadable records, unless acknowledged); 4 done as far as possible (a system did
    not answer, writes wait, a person said no or interrupted); 5 stopped by the guard; 6 another
    syncd holds the state. The higher of 5, 4 and 3 wins. With --dry-run: as `plan`.
    """
    if plan_from is not None:
        if dry_run or any(each is not None for each in (provider, start, end, accept)):
            raise UsageError(
                "--plan says by itself what is written",
                "Leave out --dry-run, --provider, --from, --to and --accept.",
            )
        raise typer.Exit(resync_planned(context, config, plan_from, every=every, as_json=as_json))
    settings, full = settings_in_two(context, config)
    providers = chosen(settings, provider)
    window = span(settings, start, end)
    if dry_run:
        report = preview_resync(full(), window, providers, accept, quiet=as_json)
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
            shown: ShownPlan | None = None
            if not yes:
                shown = _expect_consent(
                    settings, window, providers, accept, learned, every=every, as_json=as_json
                )
            report = _written(
                settings, window, providers, accept, learned, shown, every=every, as_json=as_json
            )
            back_up(path)
    except StateHeldError as held:
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
) -> ShownPlan | None:
    """Show the plan and ask, or apply the rule for where nobody can be asked.

    Return what was shown, None if nobody was asked. Raises typer.Exit on a no, and UsageError.
    """
    if as_json or not consent.can_ask():
        if accept is None:
            expect_earlier_consent(settings, providers)
        return None
    planned = preview_resync(settings, window, providers, accept, learned=learned)
    if planned.planned:
        consent.ask_consent(
            "Write this?",
            lambda: resync_text.show_plan(settings, planned, accept, asking=True, every=every),
            yes=False,
        )
    shown = ShownPlan()
    shown.agree(planned.planned)
    # They are listed in the plan, too, as what waits; many of them for an earlier write of the run.
    shown.agree(w.operation for w in planned.waiting if w.why is not WaitReason.GUARD)
    return shown


def _written(
    settings: Settings,
    window: Window | None,
    providers: Sequence[str] | None,
    accept: str | None,
    learned: Sequence[Fact],
    shown: ShownPlan | None,
    *,
    every: bool,
    as_json: bool,
) -> Report:
    """Resync; what is wanted by then and was not shown is shown and asked about, each time."""
    on_term = signal.getsignal(signal.SIGTERM)
    while True:
        report = asyncio.run(
            carry_out(settings, window, providers, accept, learned, quiet=as_json, shown=shown)
        )
        signal.signal(signal.SIGTERM, on_term)  # the run had a handler of its own
        if shown is None or not shown.unseen or report.interrupted:
            return report
        unseen = list(shown.unseen)
        with terminal.aside():
            terminal.say(_more(report))
            resync_text.show_operations(settings, unseen, every=every)
        if not terminal.confirmed("Write this, too?"):
            return report
        shown.agree(unseen)


def _more(report: Report) -> str:
    wrote = render.writes({str(action): n for action, n in report.operations.items()}) or "nothing"
    return f"written: {wrote}. What follows is wanted by now, and was not in the plan:"


def plan(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    start: FromOption = None,
    end: ToOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Also write the plan into a new file."),
    ] = None,
    every: AllOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what a resync would write now, operation by operation. Writes nothing.

    With --out, `syncd resync --plan FILE` writes exactly that within a day, or nothing if something
    has changed. Exit: 0 also where something would be written; 3 a person would be needed; 4 a
    system did not answer, or writes would wait; 5 the guard would stop it.
    """
    with nullcontext() if out is None else new_output(out) as fill:
        settings = settings_of(context, config)
        window, providers = span(settings, start, end), chosen(settings, provider)
        until = window.end if window else datetime.now(UTC) + settings.syncd.window.future
        report = preview_resync(settings, window, providers, quiet=as_json)
        if fill is not None:
            fill(plan_file.text_of(settings, report.planned, window, provider, until))
    if as_json:
        operations = [operation_json(o) for o in report.planned]
        terminal.print_json({**report.to_json(), "plan": operations})
    else:
        resync_text.show_plan(settings, report, every=every)
        if out is not None:
            hours = plan_file.GOOD_FOR // timedelta(hours=1)
            terminal.say(f"the plan is in {out}, for {hours} hours: syncd resync --plan {out}")
    raise typer.Exit(report.exit.code)


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
        "from": render.instant_json(window.start) if window else None,
        "to": render.instant_json(window.end) if window else None,
    }
    if accept is not None:
        store = Store.open(settings.syncd.state_path, write=False)
        expect_acceptable(store, accept)
        store.close()
    answer = ask_daemon(settings, "resync", arguments, quiet=as_json)
    if as_json:
        terminal.print_json(answer.result)
    else:
        terminal.say("carried out by the running daemon")
        resync_text.show(settings, answer.result, accept=accept)
    return answer.exit
