"""Carry out a plan, one request at a time, and look again wherever an answer is missing.

Before a create the thing is looked for once more, and the state is told what is about to be made:
a create whose answer is lost is found by its name, now or in the next run, and never sent twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace

from syncd.model import Clock
from syncd.provision.plan import ProvisionRow, ProvisionStep
from syncd.provision.planning import ProvisionPlan, plan_one
from syncd.store.provisioned import (
    Provisioned,
    ProvisionState,
    forget_provisioned,
    provisioned,
    save_provisioned,
)
from syncd.store.store import Store
from syncd.systems.fault_boundary import contained
from syncd.systems.port import PlatformError, RejectedError, UnknownOutcomeError
from syncd.systems.provisioning import Actual, Desired, Provisioner, ResourceType
from syncd.systems.remedies import advice


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What became of a row: ``done`` says it in a word, '' if it was not done; ``error`` why."""

    row: ProvisionRow
    done: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class ApplyContext:
    """What carrying out needs."""

    provisioners: Mapping[str, Provisioner]
    store: Store
    clock: Clock
    why_not: Callable[[str], str] = lambda _system: ""
    """Tells of a system, just before a write to it, why a person wants none; '' for none."""


_WRITES = frozenset({ProvisionStep.CREATE, ProvisionStep.UPDATE, ProvisionStep.NOT_WANTED})


async def apply(
    plan: ProvisionPlan, hands: ApplyContext, *, prune: bool
) -> AsyncIterator[ApplyResult]:
    """Carry out a plan and yield each row that was more than looked at. Raises StateError.

    After a fault the other things of that sort are not tried in that system; other sorts are.
    """
    down: dict[tuple[str, ResourceType], PlatformError] = {}
    for row in plan.rows:
        if row.step is ProvisionStep.NOT_WANTED and not prune:
            continue
        if row.step in _WRITES and (why := hands.why_not(row.system)):
            yield ApplyResult(row, "", why)
            continue
        before = down.get((row.system, row.sort))
        if before is not None:
            if row.step in _WRITES:
                yield ApplyResult(row, "", f"not tried: {before}")
            continue
        try:
            outcome = await _carry_out(row, hands)
        except PlatformError as fault:
            if not isinstance(fault, RejectedError):
                down[row.system, row.sort] = fault
            outcome = ApplyResult(row, "", advice(fault))
        if outcome is not None:
            yield outcome


async def _carry_out(row: ProvisionRow, hands: ApplyContext) -> ApplyResult | None:
    provisioner = hands.provisioners[row.system]
    match row.step:
        case ProvisionStep.CREATE if row.thing is not None:
            return await _create(row, row.thing, provisioner, hands)
        case ProvisionStep.UPDATE if row.thing is not None and row.existing is not None:
            return await _update(row, row.thing, row.existing, provisioner, hands)
        case ProvisionStep.NOT_WANTED if row.existing is not None:
            return await _remove(row, row.existing, provisioner, hands)
        case ProvisionStep.IN_PLACE if row.thing is not None:
            _own_up(row, row.thing, hands)
    return None


async def _create(
    row: ProvisionRow, thing: Desired, provisioner: Provisioner, hands: ApplyContext
) -> ApplyResult | None:
    now = await _again(thing, provisioner, hands)
    if now.step is not ProvisionStep.CREATE or now.thing is None:
        return await _found(now, hands)
    thing = now.thing
    _remember(hands, thing, ProvisionState.MAKING)
    try:
        with contained(thing.system, "create", UnknownOutcomeError):
            await provisioner.put(thing, None)
    except UnknownOutcomeError as fault:
        after = await _again(thing, provisioner, hands)
        if after.step is ProvisionStep.CREATE:
            error = f"{fault}; it is not there (yet): run the command again"
            return ApplyResult(row, "", error)
        _remember(hands, thing, ProvisionState.MADE, after.existing)
        return ApplyResult(row, "created, as a second look showed")
    except PlatformError:
        # Nothing was made.
        forget_provisioned(hands.store, thing.system, thing.sort, thing.name)
        raise
    _remember(hands, thing, ProvisionState.MADE)
    after = await _again(thing, provisioner, hands)
    _remember(hands, thing, ProvisionState.MADE, after.existing)
    return ApplyResult(row, "created")


async def _found(now: ProvisionRow, hands: ApplyContext) -> ApplyResult | None:
    """It was not there when the plan was made, and is there now, or something stands against it."""
    if now.step is ProvisionStep.UPDATE and now.thing is not None and now.existing is not None:
        return await _update(now, now.thing, now.existing, hands.provisioners[now.system], hands)
    if now.step is ProvisionStep.IN_PLACE and now.thing is not None:
        _own_up(now, now.thing, hands)
        return ApplyResult(now, "was there already")
    return ApplyResult(now, "", now.note)


async def _update(
    row: ProvisionRow,
    thing: Desired,
    existing: Actual,
    provisioner: Provisioner,
    hands: ApplyContext,
) -> ApplyResult:
    try:
        with contained(thing.system, "update", UnknownOutcomeError):
            await provisioner.put(thing, existing)
    except UnknownOutcomeError as fault:
        after = await _again(thing, provisioner, hands)
        if after.changes.keys() & existing.fields.keys():
            error = f"{fault}; it still differs: run the command again"
            return ApplyResult(row, "", error)
        if not all(key in existing.fields for key in row.changes):
            # What the platform does not show may or may not have arrived: it is sent once more.
            return ApplyResult(row, "", f"{fault}; run the command again")
    _remember(hands, thing, ProvisionState.MADE if row.ours else ProvisionState.KEPT, existing)
    return ApplyResult(row, "updated")


async def _remove(
    row: ProvisionRow, existing: Actual, provisioner: Provisioner, hands: ApplyContext
) -> ApplyResult:
    try:
        with contained(row.system, "remove", UnknownOutcomeError):
            await provisioner.remove(existing)
    except UnknownOutcomeError as fault:
        left = await provisioner.list_actual(row.sort, frozenset({row.name}))
        if any(each.name == row.name for each in left):
            return ApplyResult(row, "", f"{fault}; it is still there: run the command again")
    forget_provisioned(hands.store, row.system, row.sort, row.name)
    return ApplyResult(row, "removed")


async def _again(thing: Desired, provisioner: Provisioner, hands: ApplyContext) -> ProvisionRow:
    """Plan one thing anew from a fresh look. Raises PlatformError."""
    known = provisioned(hands.store)
    with contained(thing.system, "provision"):
        existing = await provisioner.list_actual(thing.sort, frozenset({thing.name}))
        return await plan_one(provisioner, thing, existing, known, set())


def _own_up(row: ProvisionRow, thing: Desired, hands: ApplyContext) -> None:
    """A create without an answer did take: from now on that is known."""
    known = provisioned(hands.store).get((row.system, str(row.sort), row.name))
    if known is None or row.existing is None or not row.ours:
        return
    if known.state is ProvisionState.MAKING or known.id != row.existing.id:
        _remember(hands, thing, ProvisionState.MADE, row.existing)


def _remember(
    hands: ApplyContext, thing: Desired, state: ProvisionState, existing: Actual | None = None
) -> None:
    made = Provisioned(
        thing.system, str(thing.sort), thing.name, state, dict(thing.fields), hands.clock.now()
    )
    save_provisioned(hands.store, made if existing is None else replace(made, id=existing.id))
