"""Draw the uncertain facts of the platforms from their table, and set them for the day.

Some facts were drawn from other random streams before the table existed. They stay there, so that
older seeds keep their days. All others come from one stream, row by row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

from syncd.lab.simulate.acts import DISK, EventKind, SimEvent
from syncd.lab.simulate.first_writes import set_damage
from syncd.model.platform_facts import (
    NO,
    PLATFORM_FACTS,
    YES,
    MeasuredBy,
    PlatformFact,
    PlatformKind,
    platform_fact,
)

if TYPE_CHECKING:
    from syncd.lab.sandbox.server import Sandbox
    from syncd.lab.simulate.scenario import Scenario

SYSTEM_OF: Mapping[PlatformKind, str] = MappingProxyType(
    {
        PlatformKind.V2: "clinic",
        PlatformKind.V1: "legacy",
        PlatformKind.LEADSQUARED: "crm",
    }
)
"""The one system of each platform."""

ELSEWHERE: frozenset[tuple[str, str]] = frozenset(
    {
        ("clinic", "update_replaces"),
        ("clinic", "block_by_id"),
        ("clinic", "hosts_listed"),
        ("clinic", "users_name_owner"),
        ("legacy", "refuses_deleted"),
        ("crm", "rows_carry_owner"),
        ("crm", "rows_carry_end"),
        ("crm", "completing_changes_end"),
        ("crm", "lists_cancelled"),
        ("crm", "date_zone"),
        ("crm", "bulk_rows"),
        ("crm", "slot_names"),
        ("crm", "cancel_path"),
        *((system, "lists_overlapping") for system in SYSTEM_OF.values()),
        *((system, "tells_times") for system in SYSTEM_OF.values()),
    }
)
"""Facts that other random streams draw."""

NEVER: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("crm", "home_host"): "an account that refuses this host answers no call at all",
        ("legacy", "checks_slots"): "simulated customers also book times that no calendar offers",
    }
)
"""Facts that are not drawn, with the reason."""

LATER: tuple[tuple[str, str], ...] = (
    ("clinic", "group_lists_all"),
    ("legacy", "update_keeps_end"),
)
"""Facts drawn from a later stream of their own, so that older seeds keep their days."""

_USUAL: Mapping[tuple[str, str], tuple[str, float]] = MappingProxyType(
    {
        ("clinic", "block_update_replaces"): (YES, 0.7),
        ("clinic", "block_closes_calendars"): (YES, 0.7),
        ("clinic", "instance_writes"): (YES, 0.7),
        ("clinic", "update_keeps_hosts"): (YES, 0.9),
        ("clinic", "group_lists_all"): (YES, 0.85),
        ("legacy", "lists_blocks"): (YES, 0.85),
        ("legacy", "makes_blocks"): (YES, 0.92),
        ("legacy", "update_keeps_end"): (YES, 0.8),
        ("crm", "lists_completed"): (YES, 0.85),
        ("crm", "refuses_overlaps"): (NO, 0.85),
        ("crm", "phone_spelling"): ("digits", 0.7),
        ("crm", "rate_spelling"): ("429", 0.5),
        **{(system, "keeps_tag"): (YES, 0.88) for system in SYSTEM_OF.values()},
        **{(system, "list_cap"): ("none", 0.5) for system in SYSTEM_OF.values()},
    }
)
"""How often a fact is on its usual side. All others are on each side equally often."""

_ALL_MEASURED, _CHANGES = 0.4, 0.5
_CHANGING = frozenset(
    {
        "block_update_replaces",
        "block_by_id",
        "second_delete",
        "refuses_deleted",
        "lists_overlapping",
        "rows_carry_owner",
        "lists_cancelled",
        "update_keeps_end",
        "version_v3",
    }
)
"""Facts that a platform may change in the middle of a day."""
_SERVICES = 0.3


def with_facts(scenario: Scenario) -> Scenario:
    """Draw the facts that no other stream draws, which of them are measured, and which change.

    Where a tag does not come back, that is always measured: otherwise no program could find a
    create whose reply was lost.
    """
    random = Random(f"facts {scenario.seed}")  # noqa: S311 - chance that can be repeated
    drawn: dict[tuple[str, str], str] = {}
    for row in PLATFORM_FACTS:
        key = (SYSTEM_OF[row.platform], row.name)
        if key not in ELSEWHERE and key not in NEVER and key not in LATER:
            drawn[key] = _playable_side(scenario, key, _side(random, key, row))
    facts = tuple((system, name, side) for (system, name), side in drawn.items())
    facts += tuple((*key, _playable_side(scenario, key, _later(scenario, key))) for key in LATER)
    stripped = {key for key, side in drawn.items() if key[1] == "keeps_tag" and side == NO}
    probed = {
        (SYSTEM_OF[row.platform], row.name)
        for row in PLATFORM_FACTS
        if row.measured is MeasuredBy.PROBE
    }
    whole = [system for system in SYSTEM_OF.values() if random.random() < _ALL_MEASURED]
    measured = sorted(stripped | {key for key in probed if key[0] in whole})
    steps = [*_services(random, scenario.hours * 3600), *_changes(random, scenario, measured)]
    every = tuple(sorted((*scenario.steps, *steps)))
    return replace(scenario, facts=facts, measured=tuple(measured), steps=every)


def _later(scenario: Scenario, key: tuple[str, str]) -> str:
    system, name = key
    kind = next(kind for kind, each in SYSTEM_OF.items() if each == system)
    random = Random(f"fact {system} {name} {scenario.seed}")  # noqa: S311 - chance that can be repeated
    return _side(random, key, platform_fact(kind, name))


def _side(random: Random, key: tuple[str, str], row: PlatformFact) -> str:
    usual, share = _USUAL.get(key, ("", 0.0))
    rest = [side for side in row.sides if side != usual]
    other = random.choice(rest)
    return usual if random.random() < share else other


def _playable_side(scenario: Scenario, key: tuple[str, str], side: str) -> str:
    """Return the side, or the usual one on days on which no program could handle the other.

    - Days with deliberately long lists have a cap of their own.
    - Without a state, a completed task that no list shows cannot be known.
    """
    lost = any(step.kind in DISK for step in scenario.steps)
    match key:
        case _, "list_cap" if scenario.busy.rows:
            return "none"
        case "crm", "lists_completed" if lost:
            return YES
        case _, "keeps_tag" if lost:
            return YES
    return side


def _services(random: Random, span: float) -> list[SimEvent]:
    """Draw, on some days, bookings of v2 customers through a service menu."""
    if random.random() >= _SERVICES:
        return []
    return [
        SimEvent(
            round(random.uniform(0.05, 0.8) * span, 1),
            EventKind.BOOK_SERVICE,
            "clinic",
            random.randrange(1000),
            random.randrange(1000),
        )
        for _ in range(random.randint(1, 2))
    ]


def _changes(
    random: Random, scenario: Scenario, measured: Collection[tuple[str, str]]
) -> list[SimEvent]:
    """Draw, on some days, a platform that changes to another side of a measured fact."""
    can = sorted(key for key in measured if key[1] in _CHANGING)
    if random.random() >= _CHANGES or not can:
        return []
    system, name = random.choice(can)
    at = round(random.uniform(0.2, 0.7) * scenario.hours * 3600, 1)
    return [SimEvent(at, EventKind.CHANGE_FACT, system, random.randrange(1000), spelling=name)]


def set_facts(sandbox: Sandbox, scenario: Scenario) -> None:
    """Set the platforms as the scenario says."""
    set_damage(sandbox, scenario)
    sandbox.crm.largest_page = scenario.page
    for system, name, side in scenario.facts:
        sandbox.systems[system].set_fact(name, side)
    clinic = sandbox.clinic
    clinic.blocks_by_id = scenario.busy.by_id
    sandbox.legacy.refuses_deleted = scenario.refuses_deleted
    clinic.update_replaces = scenario.replaces
    clinic.hosts_listed = scenario.hosts_listed
    clinic.users_name_owner = scenario.owner_named
    for name in scenario.overlapping:
        sandbox.systems[name].lists_overlapping = True
    for name in scenario.without_times:
        sandbox.systems[name].tells_times = False
    for knob, value in scenario.account:
        setattr(sandbox.crm, knob, value)


def configured(text: str, scenario: Scenario) -> str:
    """Return the configuration with the scenario's series, buffers and bulk cancel."""
    close = '\nbuffers = "close"' if any(scenario.buffers) else ""
    clinic = f'[systems.clinic]\nseries = "{scenario.series}"{close}'
    text = text.replace("[systems.clinic]", clinic)
    path = dict(scenario.account).get("cancel_path")
    if path is None:
        return text
    extra = f'[systems.crm]\ncancel_as = "cancel"\ncancel_path = "{path}"'
    return text.replace("[systems.crm]", extra)
