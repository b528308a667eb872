"""Read the existing resources and return the provisioning plan; `plan` compares the resources."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.provision.plan import (
    KnownResources,
    ProvisionRow,
    ProvisionStep,
    compare_resources,
    unwanted,
)
from syncd.systems.errors import PlatformError
from syncd.systems.fault_boundary import contained
from syncd.systems.provisioning import Actual, Desired, Provisioner, ResourceType, UnresolvedError

REPLACES = "replaces all fields: fields not shown here return to the platform's defaults"
_SORTS = frozenset(map(str, ResourceType))
MISSING_IN_LIST = (
    "syncd created this resource and it still exists, but the platform's list does not show it: "
    "run the command again later"
)


@dataclass(frozen=True, slots=True)
class FailedLookup:
    """A type of resource that could not be read or, with a ``name``, one resource of it."""

    system: str
    sort: ResourceType
    name: str
    fault: PlatformError


@dataclass(frozen=True, slots=True)
class ProvisionPlan:
    """All rows of the plan, in the order in which they are applied.

    ``failed`` are the resources and types that could not be read, and so could not be planned.
    ``others`` is the number of existing resources, by system and type, that syncd does not manage.
    """

    rows: Sequence[ProvisionRow]
    failed: Sequence[FailedLookup] = ()
    others: Mapping[tuple[str, ResourceType], int] = field(default_factory=dict)

    def steps(self, step: ProvisionStep) -> list[ProvisionRow]:
        """Return the rows that need this step."""
        return [row for row in self.rows if row.step is step]


async def make_plan(
    provisioners: Mapping[str, Provisioner], things: Sequence[Desired], known: KnownResources
) -> ProvisionPlan:
    """Read every system and plan all resources. Never raises PlatformError."""
    plans = await asyncio.gather(
        *(
            _plan_system(provisioner, [t for t in things if t.system == name], known)
            for name, provisioner in sorted(provisioners.items())
        )
    )
    order = [*ResourceType]
    rows = sorted(
        (row for plan in plans for row in plan.rows),
        key=lambda row: (row.step is ProvisionStep.NOT_WANTED, order.index(row.sort), row.system),
    )
    # A resource is removed before the resources that it refers to.
    desired = [row for row in rows if row.step is not ProvisionStep.NOT_WANTED]
    removals = [row for row in rows if row.step is ProvisionStep.NOT_WANTED]
    return ProvisionPlan(
        [*desired, *reversed(removals)],
        [failed for plan in plans for failed in plan.failed],
        {key: count for plan in plans for key, count in plan.others.items()},
    )


async def _plan_system(
    provisioner: Provisioner, things: Sequence[Desired], known: KnownResources
) -> ProvisionPlan:
    """Plan one system; a failure affects its own type, or one resource, and no other."""
    names: dict[ResourceType, set[str]] = defaultdict(set)
    for thing in things:
        names[thing.sort].add(thing.name)
    for system, sort, name in known:
        if system == provisioner.name and sort in _SORTS:
            names[ResourceType(sort)].add(name)
    sorts = [sort for sort in ResourceType if sort in names]
    lists = await asyncio.gather(*(_list(provisioner, sort, names[sort]) for sort in sorts))
    failed = [each for each in lists if isinstance(each, FailedLookup)]
    existing = {
        (provisioner.name, sort): resources
        for sort, resources in zip(sorts, lists, strict=True)
        if not isinstance(resources, FailedLookup)
    }
    things = [thing for thing in things if (thing.system, thing.sort) in existing]
    coming = {
        (thing.sort, thing.name)
        for thing in things
        if all(each.name != thing.name for each in existing[thing.system, thing.sort])
    }
    rows: list[ProvisionRow] = []
    for thing in things:
        try:
            with contained(provisioner.name, f"provision {thing.sort}"):
                here = existing[thing.system, thing.sort]
                rows.append(await plan_one(provisioner, thing, here, known, coming))
        except PlatformError as fault:
            failed.append(FailedLookup(thing.system, thing.sort, thing.name, fault))
    rows += unwanted(things, existing, known, provisioner.undeletable)
    managed = {(row.sort, row.name) for row in rows} | {(f.sort, f.name) for f in failed}
    others: dict[tuple[str, ResourceType], int] = {
        (system, sort): sum((sort, each.name) not in managed for each in resources)
        for (system, sort), resources in existing.items()
        if sort is not ResourceType.BUSY_TYPE
    }
    return ProvisionPlan(rows, failed, others)


async def _list(
    provisioner: Provisioner, sort: ResourceType, names: Collection[str]
) -> Sequence[Actual] | FailedLookup:
    try:
        with contained(provisioner.name, f"provision {sort}"):
            return await provisioner.list_actual(sort, frozenset(names))
    except PlatformError as fault:
        return FailedLookup(provisioner.name, sort, "", fault)


async def plan_one(
    provisioner: Provisioner,
    thing: Desired,
    existing: Sequence[Actual],
    known: KnownResources,
    coming: set[tuple[ResourceType, str]],
) -> ProvisionRow:
    """Plan one resource. Raises PlatformError.

    ``existing`` are the resources of the same type in the system, ``known`` the stored ones.
    ``coming`` are the resources, as (type, name), that earlier rows of this plan create.
    """
    try:
        resolved = await provisioner.resolve(thing, coming)
    except UnresolvedError as error:
        return ProvisionRow(
            ProvisionStep.BY_HAND, thing.system, thing.sort, thing.name, thing, note=str(error)
        )
    row = compare_resources(resolved, existing, known, provisioner.fixed.get(thing.sort, ()))
    if row.step is ProvisionStep.CREATE:
        remembered = known.get((thing.system, str(thing.sort), thing.name))
        if remembered is not None and remembered.id:
            still = await provisioner.read(thing.sort, remembered.id)
            if still is not None and still.name == thing.name:
                return replace(row, step=ProvisionStep.BY_HAND, note=MISSING_IN_LIST)
    if row.step not in {ProvisionStep.CREATE, ProvisionStep.UPDATE}:
        return row
    obstacle = await provisioner.blocker(resolved, row.existing)
    if obstacle:
        return replace(row, step=ProvisionStep.BY_HAND, note=obstacle)
    note = (
        REPLACES if row.step is ProvisionStep.UPDATE and thing.sort in provisioner.replaces else ""
    )
    team = resolved.fields.get("team")
    if (ResourceType.TEAM, team) in coming:
        note = f'"{team}" will be replaced by the id of the new team'
    return replace(row, request=provisioner.request(resolved, row.existing), note=note)
