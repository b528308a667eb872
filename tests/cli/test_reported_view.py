"""Reported records are summarized by every command until they are gone."""

from __future__ import annotations

import json

import pytest

from syncd.cli.reported_view import reported_lines
from syncd.lab.sandbox.broken_rows import RowDefect
from syncd.model import Changes, Topic, Value
from syncd.store import Store
from tests.cli.conftest import CliHarness
from tests.cli.test_commands import KEYS
from tests.store.kit import item, rec


def break_rows(cli: CliHarness, *systems: str) -> list[str]:
    """Book a meeting without an end in each of these systems."""
    made = []
    for hour, system in enumerate(systems):
        event = cli.world.book(system, "alice", cli.world.at(6, 7 + hour))
        cli.world.sandbox.systems[system].broken_rows[event] = RowDefect.END
        made.append(event)
    return made


def test_unreadable_records_are_named_until_they_are_gone(cli: CliHarness) -> None:
    events = break_rows(cli, "crm", "clinic", "legacy")
    for _ in range(2):
        result = cli.run("resync", "--yes")
        assert result.code == 3
        assert "everything agrees" not in result.out
        assert all(event in result.err for event in events)
    data = json.loads(cli.run("resync", "--json").out)
    assert set(data) == KEYS
    assert (data["unreadable"], data["converged"]) == (3, True)
    assert data["reported"]["unreadable"] == 3
    shown = cli.run("status")
    assert all(event in shown.err for event in events)
    known = json.loads(cli.run("status", "--json").out)
    assert known["unreadable"] == 3
    assert {each["event"] for each in known["reported"]} == set(events)
    checked = cli.run("check")
    assert checked.code == 0
    assert checked.out.splitlines()[-1].startswith("no errors, ")
    assert all(event in checked.out for event in events)
    assert cli.run("check", "--strict").code == 2
    planned = cli.run("plan")
    assert planned.code == 3
    for platform in cli.world.sandbox.systems.values():
        platform.broken_rows.clear()
    result = cli.run("resync", "--yes")
    assert (result.code, "everything agrees" in result.out) == (0, True)
    assert json.loads(cli.run("status", "--json").out)["reported"] == []


def test_many_items_are_counted_and_the_first_are_listed(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.cli.terminal.WIDTH", 80)
    cli.run("resync", "--yes")
    ids = [f"{n:03}-0f8fad5b-d9cb-469f-a165-70867728950e" for n in range(200)]
    store = Store.open(cli.path.parent / "state.db")
    items = [item(event, reason="its end is missing") for event in ids]
    well = rec("well", Value(cli.world.at(20, 9), cli.world.at(20, 10)))
    store.apply(Changes(records=[well], reported=[*items, item("elsewhere")]))
    store.close()
    result = cli.run("status").err
    assert "a: 201 unreadable events" in result
    assert "and 196 more" in result
    assert sum(event in result for event in ids) == 5
    assert max(map(len, result.splitlines())) <= 80
    assert len(result.splitlines()) < 20
    assert len(json.loads(cli.run("status", "--json").out)["reported"]) == 201
    table = cli.run("check").out
    assert ids[0] in table
    assert max(map(len, table.splitlines())) <= 80


def test_a_calendar_with_an_unnamed_row_is_named(cli: CliHarness) -> None:
    event = cli.world.book("clinic", "alice", cli.world.at(6, 7))
    cli.world.sandbox.clinic.broken_rows[event] = RowDefect.OBJECT
    result = cli.run("resync", "--yes")
    assert result.code == 3
    assert "GET /calendars/events: 1 row has no id" in result.err


def test_reported_items_show_a_remedy_and_each_name_once() -> None:
    shown = list(
        reported_lines(
            [
                item("e", topic=Topic.UNKNOWN_STATUS, reason="odd"),
                item("GET /x of alice", calendars=("alice",)),
            ]
        )
    )
    assert "[systems.a.statuses]" in shown[-1]
    assert "] GET /x of alice: " in "\n".join(shown)
    assert "Correct or delete the event" in shown[2]
