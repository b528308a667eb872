"""Carry out a plan, one request at a time, and look again wherever an answer is missing.

Before a create the thing is looked for once more, and the state is told what is about to be made:
a create whose answer is lost is found by its name, now or in the next run, and never sent twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace

from syncd.model import Clock
from syncd.provision.look import Plan, plan_one
from syncd.provision.plan import Row, Step
from syncd.store.provisioned import Making, Provisioned, forget, provisioned, remember
from syncd.store.store import Store
from syncd.systems.advice import advice
from syncd.systems.boundary import contained
from syncd.systems.port import Ambiguous, Rejected, SystemFault
from syncd.systems.provisioning import Existing, Provisioner, Sort, Thing


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row: ``done`` says it in a word, '' if it was not done; ``error`` why."""

    row: Row
    done: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Hands:
    """What carrying out needs."""

    provisioners: Mapping[str, Provisioner]
    store: Store
    clock: Clock
    why_not: Callable[[str], str] = lambda _system: ""
    """Tells of a system, just before a write to it, why a person wants none; '' for none."""


_WRITES = frozenset({Step.CREATE, Step.UPDATE, Step.NOT_WANTED})


async def apply(plan: Plan, hands: Hands, *, prune: bool) -> AsyncIterator[Outcome]:
    """Carry out a plan and yield each row that was more than looked at. Raises StateError.

    After a fault the other things of that sort are not tried in that system; other sorts are.
    """
    down: dict[tuple[str, Sort], SystemFault] = {}
    for row in plan.rows:
        if row.step is Step.NOT_WANTED and not prune:
            continue
        if row.step in _WRITES and (why := hands.why_not(row.system)):
            yield Outcome(row, "", why)
            continue
        before = down.get((row.system, row.sort))
        if before is not None:
            if row.step in _WRITES:
                yield Outcome(row, "", f"not tried: {before}")
            continue
        try:
            outcome = await _carry_out(row, hands)
        except SystemFault as fault:
            if not isinstance(fault, Rejected):
                down[row.system, row.sort] = fault
            outcome = Outcome(row, "", advice(fault))
        if outcome is not None:
            yield outcome


async def _carry_out(row: Row, hands: Hands) -> Outcome | None:
    provisioner = hands.provisioners[row.system]
    match row.step:
        case Step.CREATE if row.thing is not None:
            return await _create(row, row.thing, provisioner, hands)
        case Step.UPDATE if row.thing is not None and row.existing is not None:
            return await _update(row, row.thing, row.existing, provisioner, hands)
        case Step.NOT_WANTED if row.existing is not None:
            return await _remove(row, row.existing, provisioner, hands)
        case Step.IN_PLACE if row.thing is not None:
            _own_up(row, row.thing, hands)
    return None


async def _create(row: Row, thing: Thing, provisioner: Provisioner, hands: Hands) -> Outcome | None:
    now = await _again(thing, provisioner, hands)
    if now.step is not Step.CREATE or now.thing is None:
        return await _found(now, hands)
    thing = now.thing
    _remember(hands, thing, Making.MAKING)
    try:
        with contained(thing.system, "create", Ambiguous):
            await provisioner.put(thing, None)
    except Ambiguous as fault:
        after = await _again(thing, provisioner, hands)
        if after.step is Step.CREATE:
            error = f"{fault}; it is not there (yet): run the command again"
            return Outcome(row, "", error)
        _remember(hands, thing, Making.MADE, after.existing)
        return Outcome(row, "created, as a second look showed")
    except SystemFault:
        # Nothing was made.
        forget(hands.store, thing.system, thing.sort, thing.name)
        raise
    _remember(hands, thing, Making.MADE)
    after = await _again(thing, provisioner, hands)
    _remember(hands, thing, Making.MADE, after.existing)
    return Outcome(row, "created")


async def _found(now: Row, hands: Hands) -> Outcome | None:
    """It was not there when the plan was made, and is there now, or something stands against it."""
    if now.step is Step.UPDATE and now.thing is not None and now.existing is not None:
        return await _update(now, now.thing, now.existing, hands.provisioners[now.system], hands)
    if now.step is Step.IN_PLACE and now.thing is not None:
        _own_up(now, now.thing, hands)
        return Outcome(now, "was there already")
    return Outcome(now, "", now.note)


async def _update(
    row: Row, thing: Thing, existing: Existing, provisioner: Provisioner, hands: Hands
) -> Outcome:
    try:
        with contained(thing.system, "update", Ambiguous):
            await provisioner.put(thing, existing)
    except Ambiguous as fault:
        after = await _again(thing, provisioner, hands)
        if after.changes.keys() & existing.fields.keys():
            error = f"{fault}; it still differs: run the command again"
            return Outcome(row, "", error)
        if not all(key in existing.fields for key in row.changes):
            # What the platform does not show may or may not have arrived: it is sent once more.
            return Outcome(row, "", f"{fault}; run the command again")
    _remember(hands, thing, Making.MADE if row.ours else Making.KEPT, existing)
    return Outcome(row, "updated")


async def _remove(row: Row, existing: Existing, provisioner: Provisioner, hands: Hands) -> Outcome:
    try:
        with contained(row.system, "remove", Ambiguous):
            await provisioner.remove(existing)
    except Ambiguous as fault:
        left = await provisioner.look(row.sort, frozenset({row.name}))
        if any(each.name == row.name for each in left):
            return Outcome(row, "", f"{fault}; it is still there: run the command again")
    forget(hands.store, row.system, row.sort, row.name)
    return Outcome(row, "removed")


async def _again(thing: Thing, provisioner: Provisioner, hands: Hands) -> Row:
    """Plan one thing anew from a fresh look. Raises SystemFault."""
    known = provisioned(hands.store)
    with contained(thing.system, "provision"):
        existing = await provisioner.look(thing.sort, frozenset({thing.name}))
        return await plan_one(provisioner, thing, existing, known, set())


def _own_up(row: Row, thing: Thing, hands: Hands) -> None:
    """A create without an answer did take: from now on that is known."""
    known = provisioned(hands.store).get((row.system, str(row.sort), row.name))
    if known is None or row.existing is None or not row.ours:
        return
    if known.state is Making.MAKING or known.id != row.existing.id:
        _remember(hands, thing, Making.MADE, row.existing)


def _remember(hands: Hands, thing: Thing, state: Making, existing: Existing | None = None) -> None:
    made = Provisioned(
        thing.system, str(thing.sort), thing.name, state, dict(thing.fields), hands.clock.now()
    )
    remember(hands.store, made if existing is None else replace(made, id=existing.id))
