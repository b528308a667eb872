"""The settings have exactly the options that the adapters take."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined

from syncd.config.settings import PLATFORMS, General, GuardSettings, RulesSettings
from syncd.core.inputs import GuardLimits
from syncd.core.merging.rules import Rules
from syncd.model.all_day import BUSY
from syncd.systems.leadconnector.account import Account as V2Account
from syncd.systems.leadconnector.account import CalendarMapping as V2Calendar
from syncd.systems.leadconnector_v1.account import Account as V1Account
from syncd.systems.leadconnector_v1.account import CalendarMapping as V1Calendar
from syncd.systems.leadsquared.account import Account as LsqAccount
from syncd.systems.leadsquared.account import CalendarMapping as LsqCalendar

ADAPTERS = {
    "leadsquared": (LsqAccount, LsqCalendar),
    "leadconnector": (V2Account, V2Calendar),
    "leadconnector-v1": (V1Account, V1Calendar),
}


def defaults_of_class(kind: type) -> dict[str, object]:
    return {
        field.name: None if field.default is dataclasses.MISSING else field.default
        for field in dataclasses.fields(kind)
    }


def defaults_of_table(model: type[BaseModel]) -> dict[str, object]:
    return {
        name: None if field.default is PydanticUndefined else field.default
        for name, field in model.model_fields.items()
    }


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_system_has_its_adapters_options_with_their_defaults(platform: str) -> None:
    table = defaults_of_table(PLATFORMS[platform][0])
    table.pop("type")
    table.pop("associations", None)  # the engine's, not the adapter's
    assert table.pop("all_day") is None  # goes to each calendar, as `accounts.all_day_rule` says
    assert table == defaults_of_class(ADAPTERS[platform][0])


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_calendar_has_its_adapters_options_with_their_defaults(platform: str) -> None:
    table = defaults_of_table(PLATFORMS[platform][1])
    assert table.pop("write") is True
    if platform == "leadconnector":
        table.pop("calendar")  # the short form of calendars
    adapters = defaults_of_class(ADAPTERS[platform][1])
    assert adapters.pop("all_day", BUSY) is BUSY  # said for systems and providers
    assert table == adapters


def test_rules_and_guard_have_the_cores_defaults() -> None:
    rules, core = RulesSettings(), Rules()
    for name in ("prefer", "moved_apart", "moved_and_cancelled", "block_edited", "twin_deleted"):
        assert getattr(rules, name) == getattr(core, name)
    guard, limits = GuardSettings(), GuardLimits()
    for name in ("count", "share", "common", "all"):
        assert getattr(guard, name) == getattr(limits, name)


def test_slots_and_history_have_a_pace_and_a_length_within_bounds() -> None:
    general = General()
    assert general.slots.every == timedelta(minutes=15)
    assert general.history.keep == timedelta(days=180)
    for wrong in ({"slots": {"every": "10s"}}, {"history": {"keep": "1h"}}):
        with pytest.raises(ValidationError):
            General.model_validate(wrong)
