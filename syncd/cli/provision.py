"""`syncd provision`: what the configuration wants made, compared and applied."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import typer

from syncd.app import RealClock, build_provisioners
from syncd.cli import render, terminal
from syncd.cli.learned_limits import remember, take_over
from syncd.cli.options import ConfigOption, JsonOption, UsageError, settings_of
from syncd.cli.pause_view import command
from syncd.config.settings import Settings
from syncd.daemon.lock import StateLock
from syncd.engine.write_pauses import system_paused
from syncd.model.pauses import OBSERVE_REASON, OBSERVE_REMEDY
from syncd.provision.apply import ApplyContext, ApplyResult, apply
from syncd.provision.desired import wanted_things
from syncd.provision.plan import Known, ProvisionRow, ProvisionStep
from syncd.provision.planning import FailedLookup, ProvisionPlan, make_plan
from syncd.store import Store
from syncd.store.files import state_exists
from syncd.store.provisioned import provisioned
from syncd.systems.provisioning import Desired, Provisioner, ResourceType
from syncd.systems.remedies import advice

_DOING = {ProvisionStep.CREATE, ProvisionStep.UPDATE}


def provision(
    context: typer.Context,
    *,
    really: bool = typer.Option(False, "--apply", help="Carry the plan out, not only show it."),
    prune: bool = typer.Option(
        False, "--prune", help="Also remove what syncd made and the configuration no longer states."
    ),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make rooms, equipment, associations, teams and services that [[provision.…]] states.

    Compares the configuration with what the systems have, and shows what it would create and
    update, with the bodies that it would send. Nothing is changed without --apply, nothing removed
    without --prune, and nothing ever that syncd did not make itself. A second run plans nothing.

    What cannot be read or made costs no other sort of things: the rest is planned and applied.

    Exit: 0 done, or shown; 3 something is left for a person to do; 4 incomplete: a system did not
    answer, or refused; 6 another syncd holds the state.
    """
    settings = settings_of(context, config)
    if really and settings.syncd.mode == "observe":
        raise UsageError(OBSERVE_REASON, OBSERVE_REMEDY)
    things = wanted_things(settings)
    if not really:
        plan = asyncio.run(_look(settings, things, _remembered(settings), quiet=as_json))
        outcomes: list[ApplyResult] = []
    else:
        with StateLock(settings.syncd.state_path, role="provision"):
            store = Store.open(settings.syncd.state_path)
            try:
                work = _work(settings, things, store, prune=prune, quiet=as_json)
                plan, outcomes = asyncio.run(work)
            finally:
                store.close()
    if as_json:
        terminal.print_json(_json(plan, outcomes, applied=really))
    else:
        _show(plan, outcomes, applied=really, prune=prune)
    raise typer.Exit(_code(plan, outcomes))


def _remembered(settings: Settings) -> Known:
    path = settings.syncd.state_path
    if not state_exists(path):
        return {}
    store = Store.open(path, write=False)
    try:
        return provisioned(store)
    finally:
        store.close()


async def _look(
    settings: Settings, things: Sequence[Desired], known: Known, *, quiet: bool
) -> ProvisionPlan:
    async with AsyncExitStack() as stack:
        makers = await _opened(settings, stack)
        with terminal.progress("reading " + ", ".join(sorted(makers)), quiet=quiet):
            return await make_plan(makers, things, known)


async def _work(
    settings: Settings, things: Sequence[Desired], store: Store, *, prune: bool, quiet: bool
) -> tuple[ProvisionPlan, list[ApplyResult]]:
    async with AsyncExitStack() as stack:
        makers = await _opened(settings, stack)
        with terminal.progress("reading " + ", ".join(sorted(makers)), quiet=quiet) as told:
            plan = await make_plan(makers, things, provisioned(store))
            outcomes = []
            hands = ApplyContext(makers, store, RealClock(), lambda system: _why_not(store, system))
            async for outcome in apply(plan, hands, prune=prune):
                outcomes.append(outcome)
                told(f"{outcome.row.sort} {outcome.row.name}: {outcome.done or 'not done'}")
    take_over(store, [fact for maker in makers.values() for fact in maker.facts.unsaved()])
    return plan, outcomes


def _why_not(store: Store, system: str) -> str:
    pause = system_paused(store, system)
    return "" if pause is None else f"{system} is paused: `{command(pause)}` ends that"


async def _opened(settings: Settings, stack: AsyncExitStack) -> dict[str, Provisioner]:
    """Open what lists and makes things; each keeps to the limits that the state knows."""
    makers = build_provisioners(settings, RealClock())
    for maker in makers.values():
        stack.push_async_callback(maker.aclose)
    remember(settings.syncd.state_path, makers)
    return makers


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
        terminal.table("provision", ("plan", "system", "what", "name", ""), rows)
    for (system, sort), count in sorted(plan.others.items()):
        if count:
            thing = "other equipment" if sort is ResourceType.EQUIPMENT else None
            others = render.count(count, f"other {sort}", thing)
            terminal.say(f"{system} has {others} that syncd did not make: left alone")
    if not applied:
        for row in plan.rows:
            if row.request is not None:
                terminal.say(f"\n{row.step} {row.sort} {row.name}: {row.note}".rstrip(": "))
                terminal.say(f"  {row.request.method} /{row.request.path.lstrip('/')}")
                terminal.say(_indented(row.request.body))
    for said in _faults(plan):
        terminal.warn(said)
    terminal.say("" if rows else "nothing is stated under [[provision.…]], and nothing was made")
    terminal.say(_sum(plan, outcomes, applied=applied, prune=prune))


def _detail(row: ProvisionRow, outcome: ApplyResult | None) -> str:
    if outcome is not None:
        return outcome.done or f"NOT DONE: {outcome.error}"
    changed = "; ".join(
        f"{key}: {_short(was)} -> {_short(wanted)}" for key, (was, wanted) in row.changes.items()
    )
    return ". ".join(filter(None, (changed, row.note)))


def _short(value: Any) -> str:
    if value is None:
        return "(not shown)"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _indented(body: Any) -> str:
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return "\n".join(f"  {line}" for line in text.splitlines())


def _sum(
    plan: ProvisionPlan, outcomes: Sequence[ApplyResult], *, applied: bool, prune: bool
) -> str:
    doing = sum(row.step in _DOING for row in plan.rows)
    unwanted = len(plan.steps(ProvisionStep.NOT_WANTED))
    by_hand = len(plan.steps(ProvisionStep.BY_HAND))
    if applied:
        done = sum(bool(outcome.done) for outcome in outcomes)
        said = [f"{done} done", f"{len(outcomes) - done} not done" * (len(outcomes) > done)]
        said.append(f"{unwanted} not wanted: --prune removes" * bool(unwanted and not prune))
    else:
        said = [f"{doing} to do: --apply does it" if doing else "nothing to do"]
        said.append(f"{unwanted} not wanted: --apply --prune removes" * bool(unwanted))
    said.append(f"{by_hand} for you to do by hand" * bool(by_hand))
    failed = len(plan.failed)
    said.append(f"incomplete: {failed} could not be planned" * bool(failed))
    return "; ".join(filter(None, said))


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


def _faults(plan: ProvisionPlan) -> list[str]:
    """Say what could not be planned: one line for all sorts that failed alike."""
    alike: dict[tuple[str, str], list[FailedLookup]] = {}
    for each in plan.failed:
        alike.setdefault((each.system, advice(each.fault)), []).append(each)
    return [
        f"{system}: nothing is known of it now ({', '.join(map(_failed, found))}). {said}"
        for (system, said), found in alike.items()
    ]


def _failed(each: FailedLookup) -> str:
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
