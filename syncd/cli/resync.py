"""`syncd resync` and `syncd plan`: sync everything once, or show what that would write."""

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
    chosen_providers,
    parse_window,
    settings_in_two,
    settings_of,
)
from syncd.cli.privileges import new_output
from syncd.cli.resync_plan import resync_planned
from syncd.cli.resync_run import ask_daemon, back_up, carry_out, expect_acceptable, preview_resync
from syncd.config.settings import Settings
from syncd.daemon.lock import StateLock, StateLockedError
from syncd.engine.report.run_report import Report
from syncd.engine.writing.approved_operations import ShownPlan
from syncd.engine.writing.operation_json import operation_json
from syncd.model import Fact, WaitReason, Window
from syncd.store import Store


def resync(
    context: typer.Context,
    *,
    dry_run: bool = typer.Option(False, "--dry-run", help="Decide and show; write nothing."),
    provider: ProviderOption = None,
    start: FromOption = None,
    end: ToOption = None,
    accept: AcceptOption = None,
    plan_from: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            metavar="FILE",
            help="Make exactly the writes of `syncd plan --out FILE`, or none.",
        ),
    ] = None,
    yes: bool = typer.Option(False, "--yes", "-y", help="Skip the plan and the question."),
    every: AllOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Sync all systems once: read, decide and write until nothing is left to do.

    On a terminal, the plan is shown and confirmation is asked for. Without a terminal, or with
    --json, the first write of this state and a calendar that is new to it need --yes or --accept;
    from version 0.2 on, every run needs one of these options. If the daemon is running, the daemon
    does the work and nothing is asked, since the daemon would soon do the same by itself. With
    --plan, nothing is asked either: the writes decided now must equal those in the file. If they
    differ, nothing is written, the differences are shown, and the exit code is 4; for a file that
    was edited, is expired or belongs to another installation, the exit code is 2. Exit: 0 done,
    nothing left; 3 done, but the operator is needed (held conflicts, double bookings or unreadable
    events that are not acknowledged); 4 done as far as possible (a system did not respond, writes
    are waiting, or the operator declined or interrupted); 5 stopped by the guard; 6 another syncd
    process holds the state. If several of 3, 4 and 5 apply, the highest is returned. With
    --dry-run: as for `plan`.
    """
    if plan_from is not None:
        if dry_run or any(each is not None for each in (provider, start, end, accept)):
            raise UsageError(
                "--plan cannot be combined with these options",
                "Remove --dry-run, --provider, --from, --to and --accept.",
            )
        raise typer.Exit(resync_planned(context, config, plan_from, every=every, as_json=as_json))
    settings, full = settings_in_two(context, config)
    providers = chosen_providers(settings, provider)
    window = parse_window(settings, start, end)
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
            report = _run_with_consent(
                settings, window, providers, accept, learned, shown, every=every, as_json=as_json
            )
            back_up(path)
    except StateLockedError as error:
        if error.role != "daemon":
            raise
        raise typer.Exit(_hand_over(settings, window, provider, accept, as_json=as_json)) from error
    data = report.to_json()
    if as_json:
        terminal.print_json(data)
    else:
        resync_text.show_result(settings, data, report.remarks, accept=accept)
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
    """Show the plan and ask, or check for earlier consent if nobody can be asked.

    Return the plan that was shown; None if nobody was asked. ``learned`` receives the rate limits
    learned while planning. Raises typer.Exit if the operator declines, and UsageError if --yes is
    needed.
    """
    if as_json or not consent.can_ask():
        if accept is None:
            expect_earlier_consent(settings, providers)
        return None
    planned = preview_resync(settings, window, providers, accept, learned=learned)
    if planned.planned:
        consent.ask_consent(
            "Make these writes?",
            lambda: resync_text.show_plan(settings, planned, accept, asking=True, every=every),
            yes=False,
        )
    shown = ShownPlan()
    shown.approve(planned.planned)
    # The plan also lists waiting writes; many of them wait only for an earlier write of this run.
    shown.approve(w.operation for w in planned.waiting if w.why is not WaitReason.GUARD)
    return shown


def _run_with_consent(
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
    """Resync, and ask again whenever writes are needed that were not in the plan shown."""
    sigterm_handler = signal.getsignal(signal.SIGTERM)
    while True:
        report = asyncio.run(
            carry_out(settings, window, providers, accept, learned, quiet=as_json, shown=shown)
        )
        signal.signal(signal.SIGTERM, sigterm_handler)  # the run replaced the handler
        if shown is None or not shown.unseen or report.interrupted:
            return report
        unseen = list(shown.unseen)
        with terminal.to_stderr():
            terminal.say(_unplanned_text(report))
            resync_text.show_operations(settings, unseen, every=every)
        if not terminal.confirmed("Make these writes, too?"):
            return report
        shown.approve(unseen)


def _unplanned_text(report: Report) -> str:
    wrote = render.writes({str(action): n for action, n in report.operations.items()}) or "nothing"
    return f"written: {wrote}. These writes are needed now and were not in the plan:"


def plan(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    start: FromOption = None,
    end: ToOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Also write the plan to a new file."),
    ] = None,
    every: AllOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show each write that a resync would make now. Writes nothing.

    With --out, `syncd resync --plan FILE` makes exactly these writes within a day, or none if
    something has changed. Exit: 0 planned, with or without writes; 3 the operator would be needed;
    4 a system did not respond, or writes would wait; 5 the guard would stop the run.
    """
    with nullcontext() if out is None else new_output(out) as append:
        settings = settings_of(context, config)
        window, providers = parse_window(settings, start, end), chosen_providers(settings, provider)
        until = window.end if window else datetime.now(UTC) + settings.syncd.window.future
        report = preview_resync(settings, window, providers, quiet=as_json)
        if append is not None:
            append(plan_file.plan_text(settings, report.planned, window, provider, until))
    if as_json:
        operations = [operation_json(o) for o in report.planned]
        terminal.print_json({**report.to_json(), "plan": operations})
    else:
        resync_text.show_plan(settings, report, every=every)
        if out is not None:
            hours = plan_file.VALID_FOR // timedelta(hours=1)
            terminal.say(
                f"the plan is in {out}, valid for {hours} hours: syncd resync --plan {out}"
            )
    raise typer.Exit(report.exit.code)


def _hand_over(
    settings: Settings,
    window: Window | None,
    provider: str | None,
    accept: str | None,
    *,
    as_json: bool,
) -> int:
    """Have the daemon that holds the state resync, and show its progress and result."""
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
        resync_text.show_result(settings, answer.result, accept=accept)
    return answer.exit
