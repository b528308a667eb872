"""An acknowledged item changes no exit code until the item changes; on the emulators."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import pytest

from syncd.model import Changes, Topic, in_zone
from syncd.sandbox.broken_rows import RowDefect
from syncd.store import Store
from tests.cli.conftest import Desk
from tests.cli.test_commands import HOUR
from tests.cli.test_reported_view import break_rows
from tests.store.kit import item


def ids(desk: Desk) -> list[str]:
    return [each["id"] for each in json.loads(desk.say("acknowledge", "--json").out)["items"]]


def test_an_acknowledged_record_changes_no_exit_code_until_it_changes(desk: Desk) -> None:
    (event,) = break_rows(desk, "clinic")
    said = desk.say("resync", "--yes")
    assert said.code == 3
    (known,) = ids(desk)
    assert f"[{known}] {event}" in said.err
    assert desk.say("status").code == 3
    done = desk.say("acknowledge", known[:4], "--json")
    assert (done.code, json.loads(done.out)["event"]) == (0, event)
    for command in (("resync", "--yes"), ("status",), ("plan",)):
        silent = desk.say(*command)
        assert (silent.code, event in silent.err + silent.out) == (0, False)
    said = desk.say("resync", "--yes")
    assert "everything agrees; 1 acknowledged (syncd acknowledge)" in said.out
    data = json.loads(desk.say("resync", "--json").out)
    assert (data["unreadable"], data["acknowledged"], data["left"]["unreadable"]) == (1, 1, 0)
    status = json.loads(desk.say("status", "--json").out)
    assert status["reported"][0]["acknowledged_at"] is not None
    assert (status["acknowledged"], status["left"]["unreadable"]) == (1, 0)
    assert "acknowledged" in desk.say("history").out
    desk.world.sandbox.clinic.broken_rows[event] = RowDefect.OBJECT
    assert desk.say("resync", "--yes").code == 3


def test_an_item_counts_again_when_its_acknowledgement_is_removed(desk: Desk) -> None:
    break_rows(desk, "legacy")
    desk.say("resync", "--yes")
    (known,) = ids(desk)
    desk.say("acknowledge", known)
    assert desk.say("status").code == 0
    said = desk.say("acknowledge", known, "--undo")
    assert (said.code, "counts again" in said.out) == (0, True)
    assert desk.say("status").code == 3


def test_an_item_that_disappears_and_returns_counts_again(desk: Desk) -> None:
    (event,) = break_rows(desk, "clinic")
    desk.say("resync", "--yes")
    desk.say("acknowledge", *ids(desk))
    broken = desk.world.sandbox.clinic.broken_rows
    lack = broken.pop(event)
    assert desk.say("resync", "--yes").code == 0
    broken[event] = lack
    assert desk.say("resync", "--yes").code == 3


def test_a_double_booking_is_acknowledged_until_one_of_the_two_moves(desk: Desk) -> None:
    start = desk.world.at(4, 10)
    desk.world.book("clinic", "alice", start)
    late = desk.world.book("legacy", "alice", start + HOUR / 2)
    said = desk.say("resync", "--yes")
    assert (said.code, "1 double booking (syncd conflicts)" in said.out) == (3, True)
    assert json.loads(desk.say("resync", "--json").out)["double_bookings"] == 1
    (told,) = json.loads(desk.say("status", "--json").out)["double_booked"]
    assert {m["system"] for m in told["meetings"]} == {"clinic", "legacy"}
    zone = ZoneInfo("Europe/Berlin")
    first, until = (in_zone(start + n * HOUR, zone) for n in (0, 1))
    second, end = (in_zone(start + n * HOUR / 2, zone) for n in (1, 3))
    about = (
        f"alice, {first:%a %d %b %H:%M}-{until:%H:%M} in clinic, "
        f"{second:%H:%M}-{end:%H:%M} in legacy (Europe/Berlin)"
    )
    shown = desk.say("acknowledge").out
    assert ("double booking" in shown, "double_booked" in shown) == (True, False)
    assert all(part in shown for part in (told["id"], f"alice, {first:%a %d %b %H:%M}", "Berlin)"))
    done = desk.say("acknowledge", told["id"])
    assert (done.code, about in " ".join(done.out.split())) == (0, True)
    assert "double_booked" not in done.out
    assert [desk.say(*c).code for c in (("resync", "--yes"), ("status",), ("conflicts",))] == [
        0
    ] * 3
    (held,) = json.loads(desk.say("conflicts", "--json").out)
    assert held["acknowledged_at"] is not None
    desk.world.sandbox.legacy.move(late, start + HOUR / 4, start + HOUR)
    assert desk.say("resync", "--yes").code == 3


def test_a_wrong_id_and_a_held_conflict_are_refused(desk: Desk) -> None:
    assert desk.say("acknowledge", "abc").code == 2
    desk.path.write_text(desk.path.read_text() + '\n[rules]\ndouble_booked = "hold"\n')
    start = desk.world.at(4, 10)
    for system in ("clinic", "legacy"):
        desk.world.book(system, "alice", start if system == "clinic" else start + HOUR / 2)
    assert desk.say("resync", "--yes").code == 3
    (held,) = json.loads(desk.say("conflicts", "--json").out)
    said = desk.say("acknowledge", held["id"])
    assert said.code == 2
    assert f"syncd conflicts resolve {held['id']}" in " ".join(said.err.split())
    assert desk.say("acknowledge", "--undo").code == 2


def test_the_list_keeps_ids_whole_in_80_columns(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.cli.terminal.WIDTH", 80)
    desk.say("resync", "--yes")
    long = "3f2a7c1e-9d84-4b6a-8c15-e2f90a7b6d43"
    store = Store.open(desk.path.parent / "state.db")
    store.apply(Changes(reported=[item(long, reason="its end is missing " * 8)]))
    store.close()
    (known,) = ids(desk)
    shown = desk.say("acknowledge")
    assert known in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    assert long in shown.out


def test_a_field_missing_in_every_row_is_one_finding_and_exits_with_zero(desk: Desk) -> None:
    desk.say("resync", "--yes")
    store = Store.open(desk.path.parent / "state.db")
    odd = [item(f"e{n}", topic=Topic.ASSUMED, reason="it has no end") for n in range(300)]
    store.apply(Changes(reported=odd))
    store.close()
    said = desk.say("status")
    assert said.code == 0
    assert "a: 1 fact about the whole account" in said.err
    assert "all 300 listed records: it has no end" in said.err
    (one,) = json.loads(desk.say("status", "--json").out)["reported"]
    assert (one["topic"], len(one["events"])) == ("account", 300)
