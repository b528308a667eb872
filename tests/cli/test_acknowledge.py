"""An acknowledged item changes no exit code until the item changes; on the emulators."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import pytest

from syncd.lab.sandbox.broken_rows import RowDefect
from syncd.model import Changes, Topic, in_zone
from syncd.store import Store
from tests.cli.conftest import CliHarness
from tests.cli.test_commands import HOUR
from tests.cli.test_reported_view import break_rows
from tests.store.kit import item


def ids(cli: CliHarness) -> list[str]:
    return [each["id"] for each in json.loads(cli.run("acknowledge", "--json").out)["items"]]


def test_an_acknowledged_record_changes_no_exit_code_until_it_changes(cli: CliHarness) -> None:
    (event,) = break_rows(cli, "clinic")
    result = cli.run("resync", "--yes")
    assert result.code == 3
    (known,) = ids(cli)
    assert f"[{known}] {event}" in result.err
    assert cli.run("status").code == 3
    done = cli.run("acknowledge", known[:4], "--json")
    assert (done.code, json.loads(done.out)["event"]) == (0, event)
    for command in (("resync", "--yes"), ("status",), ("plan",)):
        silent = cli.run(*command)
        assert (silent.code, event in silent.err + silent.out) == (0, False)
    result = cli.run("resync", "--yes")
    assert "everything agrees; 1 acknowledged (syncd acknowledge)" in result.out
    data = json.loads(cli.run("resync", "--json").out)
    assert (data["unreadable"], data["acknowledged"], data["left"]["unreadable"]) == (1, 1, 0)
    status = json.loads(cli.run("status", "--json").out)
    assert status["reported"][0]["acknowledged_at"] is not None
    assert (status["acknowledged"], status["left"]["unreadable"]) == (1, 0)
    assert "acknowledged" in cli.run("history").out
    cli.world.sandbox.clinic.broken_rows[event] = RowDefect.OBJECT
    assert cli.run("resync", "--yes").code == 3


def test_an_item_counts_again_when_its_acknowledgement_is_removed(cli: CliHarness) -> None:
    break_rows(cli, "legacy")
    cli.run("resync", "--yes")
    (known,) = ids(cli)
    cli.run("acknowledge", known)
    assert cli.run("status").code == 0
    result = cli.run("acknowledge", known, "--undo")
    assert (result.code, "is no longer acknowledged" in result.out) == (0, True)
    assert cli.run("status").code == 3


def test_an_item_that_disappears_and_returns_counts_again(cli: CliHarness) -> None:
    (event,) = break_rows(cli, "clinic")
    cli.run("resync", "--yes")
    cli.run("acknowledge", *ids(cli))
    broken = cli.world.sandbox.clinic.broken_rows
    lack = broken.pop(event)
    assert cli.run("resync", "--yes").code == 0
    broken[event] = lack
    assert cli.run("resync", "--yes").code == 3


def test_a_double_booking_is_acknowledged_until_one_of_the_two_moves(cli: CliHarness) -> None:
    start = cli.world.at(4, 10)
    cli.world.book("clinic", "alice", start)
    late = cli.world.book("legacy", "alice", start + HOUR / 2)
    result = cli.run("resync", "--yes")
    assert (result.code, "1 double booking (syncd conflicts)" in result.out) == (3, True)
    assert json.loads(cli.run("resync", "--json").out)["double_bookings"] == 1
    (told,) = json.loads(cli.run("status", "--json").out)["double_booked"]
    assert {m["system"] for m in told["meetings"]} == {"clinic", "legacy"}
    zone = ZoneInfo("Europe/Berlin")
    first, until = (in_zone(start + n * HOUR, zone) for n in (0, 1))
    second, end = (in_zone(start + n * HOUR / 2, zone) for n in (1, 3))
    about = (
        f"alice, {first:%a %d %b %H:%M}-{until:%H:%M} in clinic, "
        f"{second:%H:%M}-{end:%H:%M} in legacy (Europe/Berlin)"
    )
    shown = cli.run("acknowledge").out
    assert ("double booking" in shown, "double_booked" in shown) == (True, False)
    assert all(part in shown for part in (told["id"], f"alice, {first:%a %d %b %H:%M}", "Berlin)"))
    done = cli.run("acknowledge", told["id"])
    assert (done.code, about in " ".join(done.out.split())) == (0, True)
    assert "double_booked" not in done.out
    assert [cli.run(*c).code for c in (("resync", "--yes"), ("status",), ("conflicts",))] == [0] * 3
    (held,) = json.loads(cli.run("conflicts", "--json").out)
    assert held["acknowledged_at"] is not None
    cli.world.sandbox.legacy.move(late, start + HOUR / 4, start + HOUR)
    assert cli.run("resync", "--yes").code == 3


def test_a_wrong_id_and_a_held_conflict_are_refused(cli: CliHarness) -> None:
    assert cli.run("acknowledge", "abc").code == 2
    cli.path.write_text(cli.path.read_text() + '\n[rules]\ndouble_booked = "hold"\n')
    start = cli.world.at(4, 10)
    for system in ("clinic", "legacy"):
        cli.world.book(system, "alice", start if system == "clinic" else start + HOUR / 2)
    assert cli.run("resync", "--yes").code == 3
    (held,) = json.loads(cli.run("conflicts", "--json").out)
    result = cli.run("acknowledge", held["id"])
    assert result.code == 2
    assert f"syncd conflicts resolve {held['id']}" in " ".join(result.err.split())
    assert cli.run("acknowledge", "--undo").code == 2


def test_the_list_keeps_ids_whole_in_80_columns(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.cli.terminal.WIDTH", 80)
    cli.run("resync", "--yes")
    long = "3f2a7c1e-9d84-4b6a-8c15-e2f90a7b6d43"
    store = Store.open(cli.path.parent / "state.db")
    store.apply(Changes(reported=[item(long, reason="its end is missing " * 8)]))
    store.close()
    (known,) = ids(cli)
    shown = cli.run("acknowledge")
    assert known in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    assert long in shown.out


def test_a_field_missing_in_every_row_is_one_finding_and_exits_with_zero(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    store = Store.open(cli.path.parent / "state.db")
    odd = [item(f"e{n}", topic=Topic.ASSUMED, reason="it has no end") for n in range(300)]
    store.apply(Changes(reported=odd))
    store.close()
    result = cli.run("status")
    assert result.code == 0
    assert "a: 1 problem of the whole account" in result.err
    assert "all 300 listed events: it has no end" in result.err
    (one,) = json.loads(cli.run("status", "--json").out)["reported"]
    assert (one["topic"], len(one["events"])) == ("account", 300)
