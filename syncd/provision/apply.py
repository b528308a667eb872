"""Apply a provisioning plan, one request at a time; read again after a lost response.

Before a create, the resource is looked up once more and the state records the create. A create with
a lost response is found by the name of the resource, now or in the next run, and is never sent
twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace

from syncd.model import Clock
from syncd.provision.plan import ProvisionRow, ProvisionStep
from syncd.provision.planning import ProvisionPlan, plan_one
from syncd.store.queries.provisioned import (
    Provisioned,
    ProvisionState,
    forget_provisioned,
    provisioned,
    save_provisioned,
)
from syncd.store.store import Store
from syncd.systems.errors import PlatformError, RejectedError, UnknownOutcomeError
from syncd.systems.fault_boundary import contained
from syncd.systems.provisioning import Actual, Desired, Provisioner, ResourceType
from syncd.systems.remedies import advice


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """The result of a row: ``done`` says what was done, '' for nothing; ``error`` says why not."""

    row: ProvisionRow
    done: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class ApplyContext:
    """The inputs of `apply`."""

    provisioners: Mapping[str, Provisioner]
    store: Store
    clock: Clock
    write_obstacle: Callable[[str], str] = lambda _system: ""
    """Returns the reason why nothing may be written to a system; '' if writes are allowed.

    Called with the system's name before each write.
    """


_WRITES = frozenset({ProvisionStep.CREATE, ProvisionStep.UPDATE, ProvisionStep.NOT_WANTED})


async def apply(
    plan: ProvisionPlan, context: ApplyContext, *, prune: bool
) -> AsyncIterator[ApplyResult]:
    """Apply a plan; yield a result for each row that needed a write. Raises StateError.

    After a fault, the remaining resources of the same type in the same system are skipped. With
    ``prune``, resources that syncd created and the configuration no longer contains are removed.
    """
    down: dict[tuple[str, ResourceType], PlatformError] = {}
    for row in plan.rows:
        if row.step is ProvisionStep.NOT_WANTED and not prune:
            continue
        if row.step in _WRITES and (obstacle := context.write_obstacle(row.system)):
            yield ApplyResult(row, "", obstacle)
            continue
        earlier = down.get((row.system, row.sort))
        if earlier is not None:
            if row.step in _WRITES:
                yield ApplyResult(row, "", f"not tried after an earlier fault: {earlier}")
            continue
        try:
            outcome = await _carry_out(row, context)
        except PlatformError as fault:
            if not isinstance(fault, RejectedError):
                down[row.system, row.sort] = fault
            outcome = ApplyResult(row, "", advice(fault))
        if outcome is not None:
            yield outcome


async def _carry_out(row: ProvisionRow, context: ApplyContext) -> ApplyResult | None:
    provisioner = context.provisioners[row.system]
    match row.step:
        case ProvisionStep.CREATE if row.thing is not None:
            return await _create(row, row.thing, provisioner, context)
        case ProvisionStep.UPDATE if row.thing is not None and row.existing is not None:
            return await _update(row, row.thing, row.existing, provisioner, context)
        case ProvisionStep.NOT_WANTED if row.existing is not None:
            return await _remove(row, row.existing, provisioner, context)
        case ProvisionStep.IN_PLACE if row.thing is not None:
            _record_made(row, row.thing, context)
    return None


async def _create(
    row: ProvisionRow, thing: Desired, provisioner: Provisioner, context: ApplyContext
) -> ApplyResult | None:
    now = await _plan_again(thing, provisioner, context)
    if now.step is not ProvisionStep.CREATE or now.thing is None:
        return await _apply_changed(now, context)
    thing = now.thing
    _remember(context, thing, ProvisionState.MAKING)
    try:
        with contained(thing.system, "create", UnknownOutcomeError):
            await provisioner.put(thing, None)
    except UnknownOutcomeError as fault:
        after = await _plan_again(thing, provisioner, context)
        if after.step is ProvisionStep.CREATE:
            error = f"{fault}; the resource does not exist (yet): run the command again"
            return ApplyResult(row, "", error)
        _remember(context, thing, ProvisionState.MADE, after.existing)
        return ApplyResult(row, "created (found by a second read)")
    except PlatformError:
        # Nothing was made.
        forget_provisioned(context.store, thing.system, thing.sort, thing.name)
        raise
    _remember(context, thing, ProvisionState.MADE)
    after = await _plan_again(thing, provisioner, context)
    _remember(context, thing, ProvisionState.MADE, after.existing)
    return ApplyResult(row, "created")


async def _apply_changed(now: ProvisionRow, context: ApplyContext) -> ApplyResult | None:
    """Apply the new row of a resource that the plan wanted to create and that exists by now."""
    if now.step is ProvisionStep.UPDATE and now.thing is not None and now.existing is not None:
        return await _update(
            now, now.thing, now.existing, context.provisioners[now.system], context
        )
    if now.step is ProvisionStep.IN_PLACE and now.thing is not None:
        _record_made(now, now.thing, context)
        return ApplyResult(now, "exists already")
    return ApplyResult(now, "", now.note)


async def _update(
    row: ProvisionRow,
    thing: Desired,
    existing: Actual,
    provisioner: Provisioner,
    context: ApplyContext,
) -> ApplyResult:
    try:
        with contained(thing.system, "update", UnknownOutcomeError):
            await provisioner.put(thing, existing)
    except UnknownOutcomeError as fault:
        after = await _plan_again(thing, provisioner, context)
        if after.changes.keys() & existing.fields.keys():
            error = f"{fault}; the resource still differs: run the command again"
            return ApplyResult(row, "", error)
        if not all(key in existing.fields for key in row.changes):
            # The platform does not show these fields, so they may not have arrived: send again.
            return ApplyResult(row, "", f"{fault}; run the command again")
    _remember(context, thing, ProvisionState.MADE if row.ours else ProvisionState.KEPT, existing)
    return ApplyResult(row, "updated")


async def _remove(
    row: ProvisionRow, existing: Actual, provisioner: Provisioner, context: ApplyContext
) -> ApplyResult:
    try:
        with contained(row.system, "remove", UnknownOutcomeError):
            await provisioner.remove(existing)
    except UnknownOutcomeError as fault:
        remaining = await provisioner.list_actual(row.sort, frozenset({row.name}))
        if any(each.name == row.name for each in remaining):
            return ApplyResult(
                row, "", f"{fault}; the resource still exists: run the command again"
            )
    forget_provisioned(context.store, row.system, row.sort, row.name)
    return ApplyResult(row, "removed")


async def _plan_again(
    thing: Desired, provisioner: Provisioner, context: ApplyContext
) -> ProvisionRow:
    """Plan one resource again from a fresh read. Raises PlatformError."""
    known = provisioned(context.store)
    with contained(thing.system, "provision"):
        existing = await provisioner.list_actual(thing.sort, frozenset({thing.name}))
        return await plan_one(provisioner, thing, existing, known, set())


def _record_made(row: ProvisionRow, thing: Desired, context: ApplyContext) -> None:
    """Record that a create with a lost response was carried out."""
    known = provisioned(context.store).get((row.system, str(row.sort), row.name))
    if known is None or row.existing is None or not row.ours:
        return
    if known.state is ProvisionState.MAKING or known.id != row.existing.id:
        _remember(context, thing, ProvisionState.MADE, row.existing)


def _remember(
    context: ApplyContext, thing: Desired, state: ProvisionState, existing: Actual | None = None
) -> None:
    made = Provisioned(
        thing.system, str(thing.sort), thing.name, state, dict(thing.fields), context.clock.now()
    )
    save_provisioned(context.store, made if existing is None else replace(made, id=existing.id))
