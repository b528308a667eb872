"""Read what is there and make the plan: the shell around `plan`."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.provision.plan import Known, Row, Step, compare, unwanted
from syncd.systems.boundary import contained
from syncd.systems.port import SystemFault
from syncd.systems.provisioning import Existing, Provisioner, Sort, Thing, Unresolved

REPLACES = "replaces all of it: what is not shown here goes back to the platform's defaults"
_SORTS = frozenset(map(str, Sort))
MISSING_IN_LIST = (
    "syncd made it, and it is still there, but the list leaves it out: look again later"
)


@dataclass(frozen=True, slots=True)
class Failed:
    """A sort of things that could not be read, or (with a ``name``) one thing of it."""

    system: str
    sort: Sort
    name: str
    fault: SystemFault


@dataclass(frozen=True, slots=True)
class Plan:
    """All rows, in the order in which they are carried out; ``failed`` is what cannot be planned.

    ``others`` counts, by system and sort, what is there and no business of syncd.
    """

    rows: Sequence[Row]
    failed: Sequence[Failed] = ()
    others: Mapping[tuple[str, Sort], int] = field(default_factory=dict)

    def steps(self, step: Step) -> list[Row]:
        """The rows of one step."""
        return [row for row in self.rows if row.step is step]


async def make_plan(
    provisioners: Mapping[str, Provisioner], things: Sequence[Thing], known: Known
) -> Plan:
    """Read every system that is concerned, and compare. Never raises SystemFault."""
    found = await asyncio.gather(
        *(
            _plan_system(provisioner, [t for t in things if t.system == name], known)
            for name, provisioner in sorted(provisioners.items())
        )
    )
    order = [*Sort]
    rows = sorted(
        (row for plan in found for row in plan.rows),
        key=lambda row: (row.step is Step.NOT_WANTED, order.index(row.sort), row.system),
    )
    # What refers to other things goes before them.
    kept = [row for row in rows if row.step is not Step.NOT_WANTED]
    gone = [row for row in rows if row.step is Step.NOT_WANTED]
    return Plan(
        [*kept, *reversed(gone)],
        [failed for plan in found for failed in plan.failed],
        {key: count for plan in found for key, count in plan.others.items()},
    )


async def _plan_system(provisioner: Provisioner, things: Sequence[Thing], known: Known) -> Plan:
    """Plan one system; what fails costs its own sort, or one thing, and no other."""
    names: dict[Sort, set[str]] = defaultdict(set)
    for thing in things:
        names[thing.sort].add(thing.name)
    for system, sort, name in known:
        if system == provisioner.name and sort in _SORTS:
            names[Sort(sort)].add(name)
    sorts = [sort for sort in Sort if sort in names]
    looks = await asyncio.gather(*(_look(provisioner, sort, names[sort]) for sort in sorts))
    failed = [each for each in looks if isinstance(each, Failed)]
    existing = {
        (provisioner.name, sort): found
        for sort, found in zip(sorts, looks, strict=True)
        if not isinstance(found, Failed)
    }
    things = [thing for thing in things if (thing.system, thing.sort) in existing]
    coming = {
        (thing.sort, thing.name)
        for thing in things
        if all(each.name != thing.name for each in existing[thing.system, thing.sort])
    }
    rows: list[Row] = []
    for thing in things:
        try:
            with contained(provisioner.name, f"provision {thing.sort}"):
                here = existing[thing.system, thing.sort]
                rows.append(await plan_one(provisioner, thing, here, known, coming))
        except SystemFault as fault:
            failed.append(Failed(thing.system, thing.sort, thing.name, fault))
    rows += unwanted(things, existing, known, provisioner.kept)
    mine = {(row.sort, row.name) for row in rows} | {(f.sort, f.name) for f in failed}
    others: dict[tuple[str, Sort], int] = {
        (system, sort): sum((sort, each.name) not in mine for each in everything)
        for (system, sort), everything in existing.items()
        if sort is not Sort.BUSY_TYPE
    }
    return Plan(rows, failed, others)


async def _look(
    provisioner: Provisioner, sort: Sort, names: Collection[str]
) -> Sequence[Existing] | Failed:
    try:
        with contained(provisioner.name, f"provision {sort}"):
            return await provisioner.look(sort, frozenset(names))
    except SystemFault as fault:
        return Failed(provisioner.name, sort, "", fault)


async def plan_one(
    provisioner: Provisioner,
    thing: Thing,
    existing: Sequence[Existing],
    known: Known,
    coming: set[tuple[Sort, str]],
) -> Row:
    """Plan one thing. Raises SystemFault."""
    try:
        resolved = await provisioner.resolve(thing, coming)
    except Unresolved as error:
        return Row(Step.BY_HAND, thing.system, thing.sort, thing.name, thing, note=str(error))
    row = compare(resolved, existing, known, provisioner.fixed.get(thing.sort, ()))
    if row.step is Step.CREATE:
        remembered = known.get((thing.system, str(thing.sort), thing.name))
        if remembered is not None and remembered.id:
            still = await provisioner.read(thing.sort, remembered.id)
            if still is not None and still.name == thing.name:
                return replace(row, step=Step.BY_HAND, note=MISSING_IN_LIST)
    if row.step not in {Step.CREATE, Step.UPDATE}:
        return row
    obstacle = await provisioner.obstacle(resolved, row.existing)
    if obstacle:
        return replace(row, step=Step.BY_HAND, note=obstacle)
    note = REPLACES if row.step is Step.UPDATE and thing.sort in provisioner.replaces else ""
    team = resolved.fields.get("team")
    if (Sort.TEAM, team) in coming:
        note = f'"{team}" stands for the id that the team will have'
    return replace(row, request=provisioner.request(resolved, row.existing), note=note)
