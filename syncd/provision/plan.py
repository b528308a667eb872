"""Compare the desired resources with the existing ones. Pure; one row per resource."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from syncd.store.queries.provisioned import Provisioned, ProvisionState
from syncd.systems.name_lookup import fold_name
from syncd.systems.provisioning import Actual, Desired, Request, ResourceType


class ProvisionStep(StrEnum):
    """The step that a resource needs."""

    CREATE = "create"
    UPDATE = "update"
    IN_PLACE = "in place"
    NOT_WANTED = "not wanted"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class ProvisionRow:
    """One line of the plan.

    ``changes`` maps each field that differs to its existing and its desired value; None as the
    existing value means that the platform does not show the field. ``ours`` is true if syncd
    created the resource.
    """

    step: ProvisionStep
    system: str
    sort: ResourceType
    name: str
    thing: Desired | None = None
    existing: Actual | None = None
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    request: Request | None = None
    ours: bool = False
    note: str = ""


KnownResources = Mapping[tuple[str, str, str], Provisioned]
"""The resources that the state remembers, by system, type and name."""


def compare_resources(
    thing: Desired, existing: Sequence[Actual], known: KnownResources, fixed: Collection[str] = ()
) -> ProvisionRow:
    """Compare one resource with the existing ones of its type in its system.

    ``fixed`` are fields that cannot be changed once the resource exists.
    """
    here = [each for each in existing if each.name == thing.name]
    remembered = known.get((thing.system, thing.sort, thing.name))
    if len(here) > 1:
        ids = ", ".join(each.id or "(no id)" for each in here)
        note = (
            f"{len(here)} resources have this name ({ids}): rename or remove all but one on the "
            "platform"
        )
        return _row(ProvisionStep.BY_HAND, thing, note=note)
    if not here:
        near = [each.name for each in existing if fold_name(each.name) == fold_name(thing.name)]
        if near:
            note = f'"{near[0]}" exists and differs only in case or accents: use that spelling'
            return _row(ProvisionStep.BY_HAND, thing, note=note)
        return _row(ProvisionStep.CREATE, thing, note="")
    found = here[0]
    changes = _changes(thing, found, remembered)
    ours = is_ours(found, remembered)
    stuck = sorted(changes.keys() & set(fixed))
    if stuck:
        shown = "; ".join(f"{key} is {_shown(changes[key][0])}" for key in stuck)
        note = (
            f"{shown}, and the API cannot change this field: change it on the platform, or in the "
            "configuration"
        )
        return ProvisionRow(
            ProvisionStep.BY_HAND, thing.system, thing.sort, thing.name, thing, found, changes,
            None, ours, note,
        )  # fmt: skip
    step = ProvisionStep.UPDATE if changes else ProvisionStep.IN_PLACE
    unseen = sorted(key for key in fixed if key in thing.fields and key not in found.fields)
    wanted = "; ".join(f"{key} = {_shown(thing.fields[key])}" for key in unseen)
    note = f"the API does not show whether {wanted}: check it on the platform" if unseen else ""
    return ProvisionRow(
        step, thing.system, thing.sort, thing.name, thing, found, changes, None, ours, note
    )


def unwanted(
    things: Iterable[Desired],
    existing: Mapping[tuple[str, ResourceType], Sequence[Actual]],
    known: KnownResources,
    kept: Collection[ResourceType] = (),
) -> list[ProvisionRow]:
    """Return rows for resources that syncd created and the configuration no longer contains.

    ``kept`` are types that the API cannot remove. Resources that somebody else created are never
    included.
    """
    stated = {(thing.system, str(thing.sort), thing.name) for thing in things}
    rows = []
    for (system, sort), all_of_it in sorted(existing.items()):
        for found in all_of_it:
            name = (system, str(sort), found.name)
            if name in stated or not is_ours(found, known.get(name)):
                continue
            by_hand = "the API cannot remove this resource: remove it on the platform" * (
                sort in kept
            )
            note = by_hand or "no longer in the configuration"
            step = ProvisionStep.BY_HAND if by_hand else ProvisionStep.NOT_WANTED
            rows.append(
                ProvisionRow(step, system, sort, found.name, None, found, ours=True, note=note)
            )
    return rows


def is_ours(found: Actual, remembered: Provisioned | None) -> bool:
    """Return true if syncd created this resource; ``remembered`` is the stored row of the create.

    If the ids differ, somebody deleted the resource and created another one with the same name.
    After a create with a lost response, a resource is ours only if it shows exactly the sent
    fields.
    """
    if remembered is None or remembered.state is ProvisionState.KEPT:
        return False
    if remembered.id and found.id and remembered.id != found.id:
        return False
    if remembered.state is ProvisionState.MADE:
        return True
    shown = {key: found.fields[key] for key in found.fields.keys() & remembered.sent.keys()}
    return bool(shown) and all(remembered.sent[key] == value for key, value in shown.items())


def _changes(
    thing: Desired, found: Actual, remembered: Provisioned | None
) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ from the platform or, if hidden there, from the last send."""
    changes: dict[str, tuple[Any, Any]] = {}
    for key, wanted in thing.fields.items():
        if key in found.fields:
            if found.fields[key] != wanted:
                changes[key] = (found.fields[key], wanted)
        elif remembered is not None and remembered.sent.get(key) != wanted:
            changes[key] = (remembered.sent.get(key), wanted)
    return changes


def _shown(value: Any) -> str:
    """Return a value as it is written in the configuration."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _row(step: ProvisionStep, thing: Desired, *, note: str) -> ProvisionRow:
    return ProvisionRow(step, thing.system, thing.sort, thing.name, thing, note=note)
