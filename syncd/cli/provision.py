"""`syncd provision`: compare configured rooms, teams and services with the systems, and apply."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import typer

from syncd.accounts import build_provisioners
from syncd.cli import render, terminal
from syncd.cli.learned_limits import load_known_limits, save_limits
from syncd.cli.options import ConfigOption, JsonOption, UsageError, settings_of
from syncd.cli.pause_view import unpause_command
from syncd.config.settings import Settings
from syncd.daemon.lock import StateLock
from syncd.engine.writing.pauses import system_paused
from syncd.machine import RealClock
from syncd.model.pauses import OBSERVE_REASON, OBSERVE_REMEDY
from syncd.provision.apply import ApplyContext, ApplyResult, apply
from syncd.provision.desired import desired_resources
from syncd.provision.plan import KnownResources, ProvisionRow, ProvisionStep
from syncd.provision.planning import FailedLookup, ProvisionPlan, make_plan
from syncd.store import Store
from syncd.store.database.files import state_exists
from syncd.store.queries.provisioned import provisioned
from syncd.systems.provisioning import Desired, Provisioner, ResourceType
from syncd.systems.remedies import advice

_CHANGING_STEPS = {ProvisionStep.CREATE, ProvisionStep.UPDATE}


def provision(
    context: typer.Context,
    *,
    apply_plan: bool = typer.Option(
        False, "--apply", help="Carry out the plan instead of only showing it."
    ),
    prune: bool = typer.Option(
        False,
        "--prune",
        help="Also remove what syncd created and the configuration no longer lists.",
    ),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Create the rooms, equipment, associations, teams and services listed under [[provision.…]].

    Compares the configuration with the systems and shows what would be created and updated, with
    the request bodies. Nothing is changed without --apply, and nothing is removed without --prune.
    What syncd did not create is never removed. A second run plans nothing.

    If one type of resource cannot be read or created, the others are still planned and applied.

    Exit: 0 done, or shown; 3 the operator has to do something by hand; 4 incomplete: a system did
    not respond, or rejected a request; 6 another syncd process holds the state.
    """
    settings = settings_of(context, config)
    if apply_plan and settings.syncd.mode == "observe":
        raise UsageError(OBSERVE_REASON, OBSERVE_REMEDY)
    things = desired_resources(settings)
    if not apply_plan:
        plan = asyncio.run(_plan(settings, things, _stored_things(settings), quiet=as_json))
        outcomes: list[ApplyResult] = []
    else:
        with StateLock(settings.syncd.state_path, role="provision"):
            store = Store.open(settings.syncd.state_path)
            try:
                work = _apply(settings, things, store, prune=prune, quiet=as_json)
                plan, outcomes = asyncio.run(work)
            finally:
                store.close()
    if as_json:
        terminal.print_json(_json(plan, outcomes, applied=apply_plan))
    else:
        _show(plan, outcomes, applied=apply_plan, prune=prune)
    raise typer.Exit(_code(plan, outcomes))


def _stored_things(settings: Settings) -> KnownResources:
    path = settings.syncd.state_path
    if not state_exists(path):
        return {}
    store = Store.open(path, write=False)
    try:
        return provisioned(store)
    finally:
        store.close()


async def _plan(
    settings: Settings, things: Sequence[Desired], known: KnownResources, *, quiet: bool
) -> ProvisionPlan:
    async with AsyncExitStack() as stack:
        provisioners = await _open(settings, stack)
        with terminal.progress("reading " + ", ".join(sorted(provisioners)), quiet=quiet):
            return await make_plan(provisioners, things, known)


async def _apply(
    settings: Settings, things: Sequence[Desired], store: Store, *, prune: bool, quiet: bool
) -> tuple[ProvisionPlan, list[ApplyResult]]:
    async with AsyncExitStack() as stack:
        provisioners = await _open(settings, stack)
        with terminal.progress("reading " + ", ".join(sorted(provisioners)), quiet=quiet) as update:
            plan = await make_plan(provisioners, things, provisioned(store))
            outcomes = []
            apply_context = ApplyContext(
                provisioners, store, RealClock(), lambda system: _obstacle(store, system)
            )
            async for outcome in apply(plan, apply_context, prune=prune):
                outcomes.append(outcome)
                update(f"{outcome.row.sort} {outcome.row.name}: {outcome.done or 'not done'}")
    save_limits(
        store,
        [fact for provisioner in provisioners.values() for fact in provisioner.facts.unsaved()],
    )
    return plan, outcomes


def _obstacle(store: Store, system: str) -> str:
    pause = system_paused(store, system)
    return "" if pause is None else f"{system} is paused: `{unpause_command(pause)}` ends the pause"


async def _open(settings: Settings, stack: AsyncExitStack) -> dict[str, Provisioner]:
    """Open a provisioner per system, with the rate limits that are stored in the state."""
    provisioners = build_provisioners(settings, RealClock())
    for provisioner in provisioners.values():
        stack.push_async_callback(provisioner.aclose)
    load_known_limits(settings.syncd.state_path, provisioners)
    return provisioners


def _code(plan: ProvisionPlan, outcomes: Sequence[ApplyResult]) -> int:
    if plan.failed or any(outcome.error for outcome in outcomes):
        return 4
    return 3 if plan.steps(ProvisionStep.BY_HAND) else 0


# --- what is printed --------------------------------------------------------------------------


def _show(
    plan: ProvisionPlan, outcomes: Sequence[ApplyResult], *, applied: bool, prune: bool
) -> None:
    done = {_name(outcome.row): outcome for outcome in outcomes}
    rows = [
        (str(row.step), row.system, str(row.sort), row.name, _detail(row, done.get(_name(row))))
        for row in plan.rows
    ]
    if rows:
        terminal.table("provision", ("step", "system", "type", "name", "change"), rows)
    for (system, sort), count in sorted(plan.others.items()):
        if count:
            thing = "other equipment" if sort is ResourceType.EQUIPMENT else None
            others = render.count(count, f"other {sort}", thing)
            terminal.say(f"{system} has {others} that syncd did not create: left unchanged")
    if not applied:
        for row in plan.rows:
            if row.request is not None:
                terminal.say(f"\n{row.step} {row.sort} {row.name}: {row.note}".rstrip(": "))
                terminal.say(f"  {row.request.method} /{row.request.path.lstrip('/')}")
                terminal.say(_indented(row.request.body))
    for line in _failure_lines(plan):
        terminal.warn(line)
    terminal.say(
        "" if rows else "nothing is listed under [[provision.…]], and syncd created nothing earlier"
    )
    terminal.say(_summary(plan, outcomes, applied=applied, prune=prune))


def _detail(row: ProvisionRow, outcome: ApplyResult | None) -> str:
    if outcome is not None:
        return outcome.done or f"NOT DONE: {outcome.error}"
    changed = "; ".join(
        f"{key}: {_shown(was)} -> {_shown(wanted)}" for key, (was, wanted) in row.changes.items()
    )
    return ". ".join(filter(None, (changed, row.note)))


def _shown(value: Any) -> str:
    if value is None:
        return "(not shown)"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _indented(body: Any) -> str:
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return "\n".join(f"  {line}" for line in text.splitlines())


def _summary(
    plan: ProvisionPlan, outcomes: Sequence[ApplyResult], *, applied: bool, prune: bool
) -> str:
    to_do = sum(row.step in _CHANGING_STEPS for row in plan.rows)
    unwanted = len(plan.steps(ProvisionStep.NOT_WANTED))
    by_hand = len(plan.steps(ProvisionStep.BY_HAND))
    if applied:
        done = sum(bool(outcome.done) for outcome in outcomes)
        parts = [f"{done} done", f"{len(outcomes) - done} not done" * (len(outcomes) > done)]
        parts.append(f"{unwanted} no longer listed: --prune removes" * bool(unwanted and not prune))
    else:
        parts = [f"{to_do} to do: run with --apply" if to_do else "nothing to do"]
        parts.append(f"{unwanted} no longer listed: --apply --prune removes" * bool(unwanted))
    parts.append(f"{by_hand} to do by hand" * bool(by_hand))
    failed = len(plan.failed)
    parts.append(f"incomplete: syncd could not plan {failed}" * bool(failed))
    return "; ".join(filter(None, parts))


def _json(plan: ProvisionPlan, outcomes: Sequence[ApplyResult], *, applied: bool) -> dict[str, Any]:
    done = {_name(outcome.row): outcome for outcome in outcomes}
    return {
        "applied": applied,
        "plan": [_row_json(row, done.get(_name(row))) for row in plan.rows],
        "others": [
            {"system": system, "sort": str(sort), "count": count}
            for (system, sort), count in sorted(plan.others.items())
        ],
        "faults": {each.system: str(each.fault) for each in reversed(plan.failed)},
        "failed": [
            {
                "system": each.system,
                "sort": str(each.sort),
                "name": each.name,
                "error": str(each.fault),
            }
            for each in plan.failed
        ],
    }


def _failure_lines(plan: ProvisionPlan) -> list[str]:
    """Describe what could not be planned, one line for all failures with the same remedy."""
    alike: dict[tuple[str, str], list[FailedLookup]] = {}
    for each in plan.failed:
        alike.setdefault((each.system, advice(each.fault)), []).append(each)
    return [
        f"{system}: could not be read now ({', '.join(map(_failed_name, failures))}). {remedy}"
        for (system, remedy), failures in alike.items()
    ]


def _failed_name(each: FailedLookup) -> str:
    return f"{each.sort} {each.name}".rstrip()


def _row_json(row: ProvisionRow, outcome: ApplyResult | None) -> dict[str, Any]:
    request = row.request
    return {
        "step": str(row.step),
        "system": row.system,
        "sort": str(row.sort),
        "name": row.name,
        "id": row.existing.id if row.existing else "",
        "made_by_syncd": row.ours,
        "changes": {key: {"is": was, "wanted": new} for key, (was, new) in row.changes.items()},
        "request": None
        if request is None
        else {"method": request.method, "path": request.path, "body": request.body},
        "note": row.note,
        "done": outcome.done if outcome else "",
        "error": outcome.error if outcome else "",
    }


def _name(row: ProvisionRow) -> tuple[str, str, str]:
    return (row.system, str(row.sort), row.name)
