"""Read what is there and make the plan: the shell around `plan`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.provision.plan import Known, ProvisionRow, ProvisionStep, compare_resources, unwanted
from syncd.systems.fault_boundary import contained
from syncd.systems.port import PlatformError
from syncd.systems.provisioning import Actual, Desired, Provisioner, ResourceType, UnresolvedError

REPLACES = "replaces all of it: what is not shown here goes back to the platform's defaults"
_SORTS = frozenset(map(str, ResourceType))
MISSING_IN_LIST = (
    "syncd made it, and it is still there, but the list leaves it out: look again later"
)


@dataclass(frozen=True, slots=True)
class FailedLookup:
    """A sort of things that could not be read, or (with a ``name``) one thing of it."""

    system: str
    sort: ResourceType
    name: str
    fault: PlatformError


@dataclass(frozen=True, slots=True)
class ProvisionPlan:
    """All rows, in the order in which they are carried out; ``failed`` is what cannot be planned.

    ``others`` counts, by system and sort, what is there and no business of syncd.
    """

    rows: Sequence[ProvisionRow]
    failed: Sequence[FailedLookup] = ()
    others: Mapping[tuple[str, ResourceType], int] = field(default_factory=dict)

    def steps(self, step: ProvisionStep) -> list[ProvisionRow]:
        """The rows of one step."""
        return [row for row in self.rows if row.step is step]


async def make_plan(
    provisioners: Mapping[str, Provisioner], things: Sequence[Desired], known: Known
) -> ProvisionPlan:
    """Read every system that is concerned, and compare. Never raises PlatformError."""
    found = await asyncio.gather(
        *(
            _plan_system(provisioner, [t for t in things if t.system == name], known)
            for name, provisioner in sorted(provisioners.items())
        )
    )
    order = [*ResourceType]
    rows = sorted(
        (row for plan in found for row in plan.rows),
        key=lambda row: (row.step is ProvisionStep.NOT_WANTED, order.index(row.sort), row.system),
    )
    # What refers to other things goes before them.
    kept = [row for row in rows if row.step is not ProvisionStep.NOT_WANTED]
    gone = [row for row in rows if row.step is ProvisionStep.NOT_WANTED]
    return ProvisionPlan(
        [*kept, *reversed(gone)],
        [failed for plan in found for failed in plan.failed],
        {key: count for plan in found for key, count in plan.others.items()},
    )


async def _plan_system(
    provisioner: Provisioner, things: Sequence[Desired], known: Known
) -> ProvisionPlan:
    """Plan one system; what fails costs its own sort, or one thing, and no other."""
    names: dict[ResourceType, set[str]] = defaultdict(set)
    for thing in things:
        names[thing.sort].add(thing.name)
    for system, sort, name in known:
        if system == provisioner.name and sort in _SORTS:
            names[ResourceType(sort)].add(name)
    sorts = [sort for sort in ResourceType if sort in names]
    looks = await asyncio.gather(*(_look(provisioner, sort, names[sort]) for sort in sorts))
    failed = [each for each in looks if isinstance(each, FailedLookup)]
    existing = {
        (provisioner.name, sort): found
        for sort, found in zip(sorts, looks, strict=True)
        if not isinstance(found, FailedLookup)
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
    mine = {(row.sort, row.name) for row in rows} | {(f.sort, f.name) for f in failed}
    others: dict[tuple[str, ResourceType], int] = {
        (system, sort): sum((sort, each.name) not in mine for each in everything)
        for (system, sort), everything in existing.items()
        if sort is not ResourceType.BUSY_TYPE
    }
    return ProvisionPlan(rows, failed, others)


async def _look(
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
    known: Known,
    coming: set[tuple[ResourceType, str]],
) -> ProvisionRow:
    """Plan one thing. Raises PlatformError."""
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
        note = f'"{team}" stands for the id that the team will have'
    return replace(row, request=provisioner.request(resolved, row.existing), note=note)
