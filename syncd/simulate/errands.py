"""What an operator does now and then: plan into a file, carry it out, erase a customer, clean up.

The file is used later, whatever happened meanwhile: then exactly its writes are made, or none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncd.app import App, build
from syncd.core.agreed_plan import plan_digest, plan_end
from syncd.daemon.control_socket import RefusedError
from syncd.engine.operation_json import operation_from_json, operation_json
from syncd.model import Operation
from syncd.model.pauses import CLEANED_UP
from syncd.sandbox.scenario import SYSTEMS
from syncd.simulate.cleaned_up import scope_of
from syncd.simulate.scenario import EventKind, SimEvent
from syncd.simulate.unmapped import Place
from syncd.store import Store
from syncd.store.forget import known_contacts
from syncd.store.journal import intents_of
from syncd.store.pauses import pauses

if TYPE_CHECKING:
    from syncd.config.settings import Settings
    from syncd.core.cleanup import CleanupScope
    from syncd.daemon.jobs import Jobs
    from syncd.engine.policy import IdSource
    from syncd.model import Clock
    from syncd.simulate.operator import Operator
    from syncd.simulate.world import World

ERRANDS = frozenset(
    {EventKind.PLAN_OUT, EventKind.RESYNC_PLAN, EventKind.FORGET_PERSON, EventKind.CLEAN_UP_BESIDE}
)


def beside(settings: Settings, store: Store, clock: Clock, town: World, ids: IdSource) -> App:
    """Build what a command beside the daemon works with, on a copy of the state."""
    ways = {name: town.transport(name) for name in SYSTEMS}
    app = build(settings, store=store, clock=clock, transports=ways, ids=ids)
    app.reset_backoff()
    return app


async def perform(operator: Operator, work: Jobs, step: SimEvent) -> None:
    """Do what a step says. Raises StateError, and whatever ends the process."""
    match step.kind:
        case EventKind.PLAN_OUT:
            await _plan_out(operator)
        case EventKind.RESYNC_PLAN:
            await _carry_out(operator, work)
        case EventKind.FORGET_PERSON:
            await _forget(operator, work, step)
        case _:
            await _clean_up(operator, work, step)


# --- plans as files -----------------------------------------------------------------------------


async def _plan_out(operator: Operator) -> None:
    """Run `syncd plan --out`: a dry run on a copy of the state, beside the daemon."""
    with closing(Store.open(operator.state, write=False)) as store:
        scratch = store.in_memory_copy()
    app = operator.beside(scratch)
    try:
        report = await app.engine.resync(dry_run=True)
        until = plan_end(report.planned, app.engine.window(near=False).end)
    finally:
        await app.engine.tasks.cancel_all()
        scratch.close()
    operator.done[EventKind.PLAN_OUT] += 1
    told = {"until": until.isoformat(), "operations": [operation_json(o) for o in report.planned]}
    _file(operator).write_text(json.dumps(told))
    operator.say(f"plan --out: {len(report.planned)} writes")


async def _carry_out(operator: Operator, work: Jobs) -> None:
    """Run `syncd resync --plan` with the file that was made last, and judge what it wrote."""
    file = _file(operator)
    if not file.exists():
        return
    operator.done[EventKind.RESYNC_PLAN] += 1
    said = json.loads(file.read_text())
    agreed = [operation_from_json(each) for each in said["operations"]]
    plan = {"name": "plan", "digest": plan_digest(agreed), "until": said["until"]}
    try:
        report, code = await work.on_request({"plan": plan}, _quietly)
    except RefusedError as refused:
        operator.say(f"resync --plan: {refused.reason}")
        return
    with closing(Store.open(operator.state, write=False)) as store:
        made = [i.operation for i in intents_of(store, str(report["run"]))]
    for line in judge_plan(agreed, made, report, finished=code == 0):
        operator.town.break_promise(line)
    told: Any = report["plan"]
    operator.say(f"resync --plan: {len(made)} writes" if told["matched"] else "resync --plan: no")


def judge_plan(
    agreed: Sequence[Operation], made: Sequence[Operation], report: Any, *, finished: bool
) -> Iterator[str]:
    """Say what was written that nobody agreed to, and what was not, although all went well."""
    matched = bool(report["plan"]["matched"])
    more, left = _names(made) - _names(agreed), _names(agreed) - _names(made)
    if made and not matched:
        yield f"plan: refused, and yet it made {len(made)} writes, such as {made[0]}"
    elif more:
        yield f"plan: wrote what is not in it: {min(more)}"
    elif matched and finished and left:
        yield f"plan: did not write all that is in it: {min(left)}"


def _names(operations: Sequence[Operation]) -> set[str]:
    """Name writes by what they bring about; the id of a new block is known only afterwards."""
    return {
        f"{o.action} {o.system} {o.provider} {'' if o.before is None else o.event} {o.after}"
        for o in operations
    }


def _file(operator: Operator) -> Path:
    return operator.state.with_name("plan.json")


# --- erasing and cleaning up --------------------------------------------------------------------


async def _forget(operator: Operator, work: Jobs, step: SimEvent) -> None:
    """Run `syncd forget-person`; when that is answered, the state names the contact nowhere."""
    with closing(Store.open(operator.state, write=False)) as store:
        known = sorted(known_contacts(store))
    if not known:
        return
    operator.done[EventKind.FORGET_PERSON] += 1
    system, contact = known[step.number % len(known)]
    try:
        erased, _ = await work.on_forget_person({"contacts": [[system, contact]]}, _quietly)
    except RefusedError as refused:
        operator.say(f"forget-person: {refused.reason}")
        return
    # Nothing else had a turn since: what the platforms still show comes back with the next read.
    for line in judge_forgotten(operator.state, system, contact):
        operator.town.break_promise(line)
    operator.say(f"forget-person {system} {contact}: {erased}")


def judge_forgotten(state: Path, system: str, contact: str) -> Iterator[str]:
    """Say where a customer is still named who was erased.

    A state that a restore has set aside is a copy, as backups are: the command names it, to delete.
    """
    with closing(Store.open(state, write=False)) as store:
        if (system, contact) in known_contacts(store):
            yield f"11: {contact} of {system} was erased, and is still known"
    files = [f for f in state.parent.glob(f"{state.name}*") if f.is_file()]
    for file in sorted(f for f in files if ".before-restore-" not in f.name):
        if contact.encode() in file.read_bytes():
            yield f"11: {contact} of {system} was erased, and is still in {file.name}"


async def _clean_up(operator: Operator, work: Jobs, step: SimEvent) -> None:
    """Run `syncd cleanup` beside the daemon; what it pauses holds from then on, whatever fails."""
    scope, town = scope_of(step), operator.town
    operator.done[EventKind.CLEAN_UP_BESIDE] += 1
    town.cleaned.begin(scope, town.clock.now())
    asked = {"system": scope.system, "provider": scope.provider, "who": "kim"}
    try:
        cleaned, code = await work.on_cleanup(asked, _quietly)
        if not town.unmapped.absences:  # nobody is to pause what is not configured
            for place in _places(scope):
                town.paused.begin(place, town.clock.now())
        operator.say(f"cleanup {scope}: {cleaned['removed']} removed, exit {code}")
        for line in judge_cleaned(town, scope, finished=code == 0):
            town.break_promise(line)
    except RefusedError as refused:
        operator.say(f"cleanup {scope}: {refused.reason}")
    finally:
        town.cleaned.end(town.clock.now())
        if operator.state.exists():
            with closing(Store.open(operator.state, write=False)) as store:
                for pause in pauses(store):
                    if pause.reason == CLEANED_UP:
                        town.paused.begin(Place(pause.system, pause.provider), town.clock.now())


def _places(scope: CleanupScope) -> list[Place]:
    """Return what a cleanup of configured calendars pauses."""
    if scope.system or scope.provider:
        return [Place(scope.system, scope.provider)]
    return [Place(system, "") for system in SYSTEMS]


def judge_cleaned(town: World, scope: CleanupScope, *, finished: bool) -> Iterator[str]:
    """Say which blocks of syncd's still stand where a cleanup says that it is done."""
    for system in SYSTEMS if finished else ():
        town.observe(system, by_hand=False)
        for event, seen in sorted(town.standing(system).items()):
            mine = (system, event) in town.ours and seen.kind == "block"
            if mine and scope.covers(seen.provider, system):
                yield f"12: {system} {event} of {seen.provider} is left by a cleanup that is done"


def _quietly(_text: str) -> None:
    """Nobody watches the progress."""
