"""The policy for all-day events: the most specific one wins, and hours are the provider's."""

from __future__ import annotations

import pytest

from syncd.accounts import all_day_rule
from syncd.model import Hours, OpeningHours
from syncd.model.all_day import AllDay, AllDayRule

from .conftest import SMALL, ConfigFile

DAILY = OpeningHours(frozenset(range(7)), 8 * 60, 18 * 60)


def rule(
    config_file: ConfigFile, *, general: str = "", system: str = "", provider: str = ""
) -> AllDayRule:
    text = SMALL.replace("[systems.clinic]", f"[systems.clinic]\n{system}")
    text = f"{text}\n[providers.alice]\n{provider}\n"
    return all_day_rule(config_file.load(f"[syncd]\n{general}\n{text}"), "alice", "clinic")


@pytest.mark.parametrize(
    ("general", "system", "provider", "policy"),
    [
        ("", "", "", AllDay.BUSY),
        ("ignore", "", "", AllDay.IGNORE),
        ("ignore", "hours", "", AllDay.HOURS),
        ("ignore", "hours", "busy", AllDay.BUSY),
        ("", "ignore", "", AllDay.IGNORE),
        ("hours", "", "ignore", AllDay.IGNORE),
    ],
)
def test_the_most_specific_policy_wins(
    config_file: ConfigFile, general: str, system: str, provider: str, policy: AllDay
) -> None:
    said = [f'all_day = "{word}"' if word else "" for word in (general, system, provider)]
    found = rule(config_file, general=said[0], system=said[1], provider=said[2])
    assert found.policy is policy


@pytest.mark.parametrize(
    ("general", "provider", "hours"),
    [
        ("", "", Hours((), "")),
        ('hours = "08:00-18:00"', "", Hours((DAILY,), "")),
        ('zone = "Asia/Kolkata"', 'hours = "08:00-18:00"', Hours((DAILY,), "Asia/Kolkata")),
        (
            'hours = "06:00-07:00"\nzone = "UTC"',
            'hours = "08:00-18:00"\nzone = "Europe/Berlin"',
            Hours((DAILY,), "Europe/Berlin"),
        ),
    ],
)
def test_only_hours_that_are_configured_are_closed_alone(
    config_file: ConfigFile, general: str, provider: str, hours: Hours
) -> None:
    found = rule(config_file, general=f'all_day = "hours"\n{general}', provider=provider)
    assert found == AllDayRule(AllDay.HOURS, hours)
