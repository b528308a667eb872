"""The lifetime of a fact, also if this machine's clock is changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from syncd.model import Fact
from syncd.systems.facts import FactStore

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass
class SetClock:
    """A clock whose wall time can be changed; its monotonic time is right."""

    passed: timedelta = timedelta(0)
    wrong: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime(2027, 12, 31, tzinfo=UTC) + self.passed + self.wrong

    def monotonic(self) -> float:
        return 1000.0 + self.passed.total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.passed += timedelta(seconds=seconds)


@pytest.mark.parametrize("wrong", [timedelta(0), 3 * DAY, -3 * DAY], ids=str)
def test_a_fact_lasts_its_lifetime_however_the_clock_is_set(wrong: timedelta) -> None:
    """Seed 10025 of the simulator: a learned limit was forgotten after a clock was set back."""
    clock = SetClock()
    facts = FactStore("crm", clock)
    facts.put("refused rate", "13/5")
    clock.passed, clock.wrong = 9 * HOUR, wrong
    assert facts.get("refused rate", DAY) == "13/5"
    clock.passed, clock.wrong = DAY + HOUR, timedelta(0)
    assert facts.get("refused rate", DAY) == ""


def test_a_confirmed_fact_lasts_from_the_confirmation() -> None:
    clock = SetClock()
    facts = FactStore("crm", clock)
    facts.put("refused rate", "13/5")
    clock.passed = 20 * HOUR
    facts.put("refused rate", "13/5")
    clock.passed, clock.wrong = 40 * HOUR, -9 * DAY
    assert facts.get("refused rate", DAY) == "13/5"


@pytest.mark.parametrize(
    ("age", "after", "believed"),
    [
        (20 * HOUR, HOUR, True),
        (20 * HOUR, 5 * HOUR, False),
        (-HOUR, HOUR, True),
        (-3 * DAY, HOUR, False),
    ],
    ids=["young", "old by now", "a little ahead", "of another clock"],
)
def test_a_stored_fact_keeps_its_age_when_loaded(
    age: timedelta, after: timedelta, *, believed: bool
) -> None:
    clock = SetClock()
    facts = FactStore("crm", clock)
    facts.load([Fact("crm", "refused rate", "13/5", clock.now() - age)])
    clock.passed += after
    for wrong in (timedelta(0), -30 * DAY):
        clock.wrong = wrong
        assert bool(facts.get("refused rate", DAY)) is believed
