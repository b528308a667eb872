"""Operator commands: write a plan to a file, execute it, erase a customer, clean up.

A plan is executed later, whatever happened meanwhile: then exactly its writes are made, or none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.app import App, build
from syncd.core.propagation.approved_plan import plan_digest, plan_end
from syncd.daemon.control_socket import RequestRejectedError
from syncd.engine.writing.operation_json import operation_from_json, operation_json
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.lab.simulate.cleaned_up import cleanup_scope
from syncd.lab.simulate.scenario import EventKind, SimEvent
from syncd.lab.simulate.unmapped import ConfigPlace
from syncd.model import Operation
from syncd.model.pauses import CLEANED_UP
from syncd.store import Store
from syncd.store.queries.pauses import pauses
from syncd.store.repository.journal import intents_of
from syncd.store.retention.forget import known_contacts

if TYPE_CHECKING:
    from syncd.config.settings import Settings
    from syncd.core.ownership.cleanup import CleanupScope
    from syncd.daemon.jobs import Jobs
    from syncd.engine.policy import IdSource
    from syncd.lab.simulate.operator import Operator
    from syncd.lab.simulate.world import World
    from syncd.model import Clock

ERRANDS = frozenset(
    {EventKind.PLAN_OUT, EventKind.RESYNC_PLAN, EventKind.FORGET_PERSON, EventKind.CLEAN_UP_BESIDE}
)


def build_second_app(
    settings: Settings, store: Store, clock: Clock, world: World, ids: IdSource
) -> App:
    """Build the app for a command that runs while the daemon runs, on a copy of the state."""
    transports = {name: world.transport(name) for name in SYSTEM_NAMES}
    app = build(settings, store=store, clock=clock, transports=transports, ids=ids)
    app.reset_backoff()
    return app


async def perform(operator: Operator, jobs: Jobs, step: SimEvent) -> None:
    """Perform a step. Raises StateError, and whatever ends the process."""
    match step.kind:
        case EventKind.PLAN_OUT:
            await _plan_out(operator)
        case EventKind.RESYNC_PLAN:
            await _carry_out(operator, jobs)
        case EventKind.FORGET_PERSON:
            await _forget_person(operator, jobs, step)
        case _:
            await _clean_up(operator, jobs, step)


# --- plans as files -----------------------------------------------------------------------------


async def _plan_out(operator: Operator) -> None:
    """Run `syncd plan --out`: a dry run on a copy of the state, beside the daemon."""
    with closing(Store.open(operator.state, write=False)) as store:
        scratch = store.in_memory_copy()
    app = operator.build_app(scratch)
    try:
        report = await app.engine.resync(dry_run=True)
        until = plan_end(report.planned, app.engine.window(near=False).end)
    finally:
        await app.engine.tasks.cancel_all()
        scratch.close()
    operator.done[EventKind.PLAN_OUT] += 1
    plan = {"until": until.isoformat(), "operations": [operation_json(o) for o in report.planned]}
    _file(operator).write_text(json.dumps(plan))
    operator.say(f"plan --out: {len(report.planned)} writes")


async def _carry_out(operator: Operator, jobs: Jobs) -> None:
    """Run `syncd resync --plan` with the last plan file, and judge its writes."""
    file = _file(operator)
    if not file.exists():
        return
    operator.done[EventKind.RESYNC_PLAN] += 1
    plan_file = json.loads(file.read_text())
    approved = [operation_from_json(operation) for operation in plan_file["operations"]]
    plan = {"name": "plan", "digest": plan_digest(approved), "until": plan_file["until"]}
    try:
        report, code = await jobs.on_request({"plan": plan}, _ignore_progress)
    except RequestRejectedError as refused:
        operator.say(f"resync --plan: {refused.reason}")
        return
    with closing(Store.open(operator.state, write=False)) as store:
        written = [i.operation for i in intents_of(store, str(report["run"]))]
    for line in judge_plan(approved, written, report, finished=code == 0):
        operator.world.report_violation(line)
    planned: Any = report["plan"]
    operator.say(
        f"resync --plan: {len(written)} writes" if planned["matched"] else "resync --plan: no"
    )


def judge_plan(
    approved: Sequence[Operation], written: Sequence[Operation], report: Any, *, finished: bool
) -> Iterator[str]:
    """Yield writes that the plan does not contain, and those that a complete run left out."""
    matched = bool(report["plan"]["matched"])
    unplanned, missing = (
        _effects(written) - _effects(approved),
        _effects(approved) - _effects(written),
    )
    if written and not matched:
        yield f"plan: refused, but made {len(written)} writes, such as {written[0]}"
    elif unplanned:
        yield f"plan: made a write that is not in the plan: {min(unplanned)}"
    elif matched and finished and missing:
        yield f"plan: did not make a write of the plan: {min(missing)}"


def _effects(operations: Sequence[Operation]) -> set[str]:
    """Identify writes by their effect; the id of a new block is known only afterwards."""
    return {
        f"{o.action} {o.system} {o.provider} {'' if o.before is None else o.event} {o.after}"
        for o in operations
    }


def _file(operator: Operator) -> Path:
    return operator.state.with_name("plan.json")


# --- erasing and cleaning up --------------------------------------------------------------------


async def _forget_person(operator: Operator, jobs: Jobs, step: SimEvent) -> None:
    """Run `syncd forget-person`, and check that the state does not name the contact any more."""
    with closing(Store.open(operator.state, write=False)) as store:
        known = sorted(known_contacts(store))
    if not known:
        return
    operator.done[EventKind.FORGET_PERSON] += 1
    system, contact = known[step.number % len(known)]
    try:
        erased, _ = await jobs.on_forget_person({"contacts": [[system, contact]]}, _ignore_progress)
    except RequestRejectedError as refused:
        operator.say(f"forget-person: {refused.reason}")
        return
    # No other job has run since; the next read brings back what the platforms still show.
    for line in judge_forgotten(operator.state, system, contact):
        operator.world.report_violation(line)
    operator.say(f"forget-person {system} {contact}: {erased}")


def judge_forgotten(state: Path, system: str, contact: str) -> Iterator[str]:
    """Yield the places in which an erased customer is still named.

    A state that a restore has set aside is a copy, like a backup: the command only reports it, and
    the operator deletes it.
    """
    with closing(Store.open(state, write=False)) as store:
        if (system, contact) in known_contacts(store):
            yield f"11: {contact} of {system} was erased, but is still in the state"
    files = [f for f in state.parent.glob(f"{state.name}*") if f.is_file()]
    for file in sorted(f for f in files if ".before-restore-" not in f.name):
        if contact.encode() in file.read_bytes():
            yield f"11: {contact} of {system} was erased, but is still in {file.name}"


async def _clean_up(operator: Operator, jobs: Jobs, step: SimEvent) -> None:
    """Run `syncd cleanup` beside the daemon. Its pauses hold from then on, whatever fails."""
    scope, world = cleanup_scope(step), operator.world
    operator.done[EventKind.CLEAN_UP_BESIDE] += 1
    world.cleaned.begin(scope, world.clock.now())
    arguments = {"system": scope.system, "provider": scope.provider, "who": "kim"}
    try:
        cleaned, code = await jobs.on_cleanup(arguments, _ignore_progress)
        if not world.unmapped.absences:  # a place outside of the configuration cannot be paused
            for place in _places(scope):
                world.paused.begin(place, world.clock.now())
        operator.say(f"cleanup {scope}: {cleaned['removed']} removed, exit {code}")
        for line in judge_cleaned(world, scope, finished=code == 0):
            world.report_violation(line)
    except RequestRejectedError as refused:
        operator.say(f"cleanup {scope}: {refused.reason}")
    finally:
        world.cleaned.end(world.clock.now())
        if operator.state.exists():
            with closing(Store.open(operator.state, write=False)) as store:
                for pause in pauses(store):
                    if pause.reason == CLEANED_UP:
                        world.paused.begin(
                            ConfigPlace(pause.system, pause.provider), world.clock.now()
                        )


def _places(scope: CleanupScope) -> list[ConfigPlace]:
    """Return the places that a cleanup of configured calendars pauses."""
    if scope.system or scope.provider:
        return [ConfigPlace(scope.system, scope.provider)]
    return [ConfigPlace(system, "") for system in SYSTEM_NAMES]


def judge_cleaned(world: World, scope: CleanupScope, *, finished: bool) -> Iterator[str]:
    """Yield the blocks of syncd that are left although the cleanup says that it is complete."""
    for system in SYSTEM_NAMES if finished else ():
        world.observe(system, by_hand=False)
        for event, view in sorted(world.events(system).items()):
            is_ours = (system, event) in world.ours and view.kind == "block"
            if is_ours and scope.covers(view.provider, system):
                yield f"12: {system} {event} of {view.provider} is left after a cleanup"


def _ignore_progress(_text: str) -> None:
    """Ignore progress messages."""
