"""`syncd resync --plan FILE`: make exactly the writes that a file lists, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from syncd.cli import pause_view, plan_file, render, resync_text, terminal
from syncd.cli.options import chosen_providers, settings_in_two, zone_of
from syncd.cli.plan_file import PlanFile
from syncd.cli.resync_run import ask_daemon, back_up, carry_out, preview_resync
from syncd.cli.waiting_view import REASONS
from syncd.config.settings import Settings
from syncd.core.propagation.approved_plan import compare_plans, operations_within
from syncd.daemon.lock import StateLock, StateLockedError
from syncd.engine.report.run_report import RunExit
from syncd.engine.writing.operation_json import operation_from_json
from syncd.model import Fact, Operation, WaitReason
from syncd.model.pauses import OBSERVE_REASON, OBSERVE_REMEDY, Pause, pause_of


def resync_planned(
    context: typer.Context, config: Path | None, file: Path, *, every: bool, as_json: bool
) -> int:
    """Carry out a plan file and return the exit code. Raises UsageError, ConfigError, StateError.

    The file counts as consent, so no question is asked.
    """
    opened = plan_file.open_plan(file)
    settings, full = settings_in_two(context, config)
    plan = plan_file.parse_plan(file, plan_file.read_plan(file, opened), settings)
    providers = chosen_providers(settings, plan.provider)
    limits = plan.limits()
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="resync"):
            settings = full()
            learned: list[Fact] = []
            # Planned on a copy first, so that a refused plan leaves no trace in the state.
            preview = preview_resync(
                settings, plan.window, providers, quiet=as_json, learned=learned
            )
            if compare_plans(plan.operations, operations_within(preview.planned, plan.until)):
                return _refuse(
                    settings, plan, preview.planned, preview.to_json(), every=every, as_json=as_json
                )
            work = carry_out(
                settings, plan.window, providers, None, learned, quiet=as_json, exactly=limits
            )
            report = asyncio.run(work)
            data: dict[str, Any] = report.to_json()
            decided, code = report.planned, report.exit.code
            matched = limits.matched
            remarks: Sequence[str] = report.remarks
            back_up(path)
    except StateLockedError as error:
        if error.role != "daemon":
            raise
        answer = ask_daemon(settings, "resync", _arguments(plan), quiet=as_json)
        data, code, remarks = dict(answer.result), answer.exit, ()
        plan_reply = data.pop("plan")
        matched = plan_reply["matched"]
        decided = [operation_from_json(each) for each in plan_reply["decided"]]
        if not as_json:
            terminal.say(
                "carried out by the running daemon" if matched else "checked by the running daemon"
            )
    if not matched:
        return _refuse(settings, plan, decided, data, every=every, as_json=as_json)
    if as_json:
        same_plan = {"refused": False, "not_wanted": [], "new": []}
        terminal.print_json({**data, "plan": same_plan})
    else:
        resync_text.show_result(settings, data, remarks)
    return code


def _arguments(plan: PlanFile) -> dict[str, object]:
    """Return the daemon's arguments; a digest stands for the operations, so they stay small."""
    limits = plan.limits()
    return {
        "provider": plan.provider,
        "from": render.instant_json(plan.window.start) if plan.window else None,
        "to": render.instant_json(plan.window.end) if plan.window else None,
        "plan": {
            "name": limits.plan,
            "digest": limits.digest,
            "until": render.instant_json(limits.until),
        },
    }


def _refuse(
    settings: Settings,
    plan: PlanFile,
    decided: Sequence[Operation],
    data: Mapping[str, Any],
    *,
    every: bool,
    as_json: bool,
) -> int:
    """Print the differences from the plan, and return the exit code."""
    differences = compare_plans(plan.operations, operations_within(decided, plan.until))
    if as_json:
        terminal.print_json({**data, "plan": plan_file.differences_json(differences)})
    else:
        obstacles = _obstacles(settings, data)
        plan_file.show_differences(settings, plan, differences, obstacles, every=every)
    return RunExit.UNANSWERED.code


def _obstacles(settings: Settings, data: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Return why writes are impossible now, by (system, provider); provider '' means all."""
    obstacles = {
        (name, ""): f"{name} is {system['state']}: {system.get('cause') or 'see `syncd status`'}"
        for name, system in data["systems"].items()
        if system["state"] != "ok"
    }
    for each in data["waiting"]:
        reason = REASONS[WaitReason(each["why"])]
        obstacles[each["system"], each["provider"]] = f"{each['system']}: {reason}"
    pauses, zone = [Pause.from_json(each) for each in data["paused"]], zone_of(settings, None)
    for each in data["held_back"]:
        pause = pause_of(pauses, each["provider"], each["system"])
        why, remedy = f"{OBSERVE_REASON}.", OBSERVE_REMEDY
        if pause is not None:
            why, remedy = (
                f"{pause_view.describe(pause, zone)}:",
                f"`{pause_view.unpause_command(pause)}` ends it.",
            )
        obstacles[each["system"], each["provider"]] = f"{why} {remedy}"
    return obstacles
