"""Planted bugs in the use of measured facts and contradictions; each fails a test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import pytest

from syncd.engine.reading import completed_lookups
from syncd.engine.reading import observe as reading
from syncd.engine.writing import reread
from syncd.model import Fact
from syncd.systems.capability_cache import CapabilityCache
from syncd.systems.facts import FactStore
from syncd.systems.measured import CONTRADICTED, MeasuredFacts
from syncd.systems.port import Capabilities
from tests.end_to_end import test_contradicted_facts as stories
from tests.end_to_end.conftest import Site
from tests.planted.swap import swap

Patch = pytest.MonkeyPatch
Story = Callable[[Site], Awaitable[None]]


def a_contradiction_is_ignored(patch: Patch) -> None:
    """A measured fact counts, whatever later answers show."""
    swap(patch, MeasuredFacts.contradict, lambda *_given: False)


def a_contradicted_value_still_counts(patch: Patch) -> None:
    """A contradicted fact is marked and shown, but the adapters still use it."""
    value = MeasuredFacts.value
    swap(patch, MeasuredFacts.value, lambda self, name: value(self, name).lstrip(CONTRADICTED))
    swap(
        patch,
        MeasuredFacts.contradict,
        lambda self, name, *_values: self.facts.put(name, self.value(name) + CONTRADICTED),
    )


def an_ordinary_read_measures_a_contradicted_fact_again(patch: Patch) -> None:
    """A list that shows a block again ends the contradiction, so the fact flaps."""
    swap(patch, MeasuredFacts.record_read, MeasuredFacts.note)


def a_contradiction_is_not_stored(patch: Patch) -> None:
    """The next process uses the contradicted value."""
    unsaved = FactStore.unsaved

    def without(self: FactStore) -> Iterable[Fact]:
        return [fact for fact in unsaved(self) if not fact.value.startswith(CONTRADICTED)]

    swap(patch, FactStore.unsaved, without)


def a_measured_fact_is_not_used(patch: Patch) -> None:
    """The capabilities are those of the safe sides, whatever was measured."""

    def of_nothing(self: CapabilityCache) -> Capabilities:
        known = self.measured
        return self.compute(
            MeasuredFacts(known.platform, FactStore(known.facts.system, known.facts.clock))
        )

    swap(patch, CapabilityCache.__call__, of_nothing)


def capabilities_are_worked_out_once(patch: Patch) -> None:
    """A fact that changes while syncd runs has no effect before the next start."""
    patch.setattr(
        FactStore, "version", property(lambda _self: 0, lambda _self, _new: None), raising=False
    )


def a_late_list_is_news(patch: Patch) -> None:
    """A list with more lag than measured reverts syncd's own write."""
    for module in (completed_lookups, reading, reread):
        patch.setattr(module, "recheck_lag", lambda *_given: None)


def case(fact: str) -> Story:
    """Return the test in which this fact is contradicted."""
    system, _, value, happens = next(c for c in stories.CASES if c[1] == fact)
    return partial(
        stories.test_a_fact_that_an_answer_contradicts_is_dropped_once_and_stays_so,
        system=system,
        fact=fact,
        value=value,
        happens=happens,
    )


PLANTS: tuple[tuple[Callable[[Patch], None], Story], ...] = (
    (a_contradiction_is_ignored, case("rows_carry_end")),
    (a_contradicted_value_still_counts, case("lists_cancelled")),
    (
        an_ordinary_read_measures_a_contradicted_fact_again,
        stories.test_lists_that_show_blocks_again_do_not_measure_the_fact_again,
    ),
    (a_contradiction_is_not_stored, case("completing_changes_end")),
    (a_measured_fact_is_not_used, stories.test_a_measured_fact_is_used_from_then_on),
    (capabilities_are_worked_out_once, stories.test_a_measured_fact_is_used_from_then_on),
    (a_late_list_is_news, stories.test_a_list_with_more_lag_than_measured_is_no_change),
)


@pytest.mark.prove
@pytest.mark.parametrize(("plant", "story"), PLANTS, ids=[plant.__name__ for plant, _ in PLANTS])
async def test_the_story_fails_under_the_planted_bug(
    site: Site, monkeypatch: Patch, plant: Callable[[Patch], None], story: Story
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        await story(site)
