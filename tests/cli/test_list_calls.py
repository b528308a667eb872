"""The table of list calls: a few rows per system, or all."""

from __future__ import annotations

import pytest

from syncd.cli.list_calls import MAX_ROWS_PER_SYSTEM, list_call_rows, print_list_calls
from syncd.model import Window
from syncd.systems.leadconnector_v1 import Account, CalendarMapping, LeadConnectorV1
from tests.systems.scripted import NOW, FakeClock

MONTH = Window(NOW, NOW.replace(month=4))
YEARS = Window(NOW, NOW.replace(year=2028))
PEOPLE = {f"person-{n:02}": CalendarMapping(user=f"GCs5KuyPtqls0nWclk{n:02}") for n in range(40)}


def practice(mapped: dict[str, CalendarMapping]) -> LeadConnectorV1:
    return LeadConnectorV1("legacy", Account(api_key="the-secret"), mapped, FakeClock())


async def test_the_first_list_calls_are_shown_and_the_others_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lists = list_call_rows({"legacy": practice(PEOPLE)}, MONTH, YEARS)
    assert [(one.near, one.far) for one in lists] == 40 * [(1, 3)]
    print_list_calls(lists, every=False)
    shown = capsys.readouterr().out
    assert shown.count("userId=") == MAX_ROWS_PER_SYSTEM
    assert "legacy: … and 28 more; `syncd check --calls` shows all" in shown
    print_list_calls(lists, every=True)
    shown = capsys.readouterr().out
    assert (shown.count("userId="), "more like these" in shown) == (40, False)
    assert max(map(len, shown.splitlines())) <= 100


async def test_a_list_call_for_many_providers_names_a_few() -> None:
    team = {person: CalendarMapping(f"calendar-{person}", team="t1") for person in PEOPLE}
    (one,) = list_call_rows({"legacy": practice(team)}, MONTH, MONTH)
    assert one.request == "appointments/ teamId=t1"
    assert one.purpose == (
        "appointments and blocks of person-00, person-01, person-02, person-03 and 36 more"
    )
    assert len(one.to_json()["providers"]) == 40
