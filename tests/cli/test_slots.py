"""`syncd slots`, and the busy slots that `status` lists as still bookable."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.cli.conftest import CliHarness


def iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def slots(cli: CliHarness, *more: object) -> Any:
    """Return the JSON of `syncd slots` for alice's booked week."""
    day = cli.world.at(4, 12).date()
    return json.loads(cli.run("slots", "-p", "alice", "--to", day, "--json", *more).out)


def test_slots_offered_by_all_systems_are_free_everywhere(cli: CliHarness) -> None:
    at = cli.world.at
    cli.run("resync", "--yes")
    found = slots(cli)
    assert set(found["systems"]) == {"crm", "clinic", "legacy"}
    tuesday = [s for s in found["bookable"] if iso(at(1, 0)) < s["start"] < iso(at(2, 0))]
    assert tuesday == [{"start": iso(at(1, 10)), "end": iso(at(1, 17))}]
    assert not any(d["taken"] for d in found["differences"])
    shown = cli.run("slots", "-p", "alice")
    assert shown.code == 0
    assert "Tue" in shown.out
    assert "10:00-17:00" in shown.out
    assert "Europe/Berlin" in shown.out


def test_before_a_sync_systems_differ_and_the_reasons_are_shown(cli: CliHarness) -> None:
    at = cli.world.at
    cli.run("resync", "--yes", "--provider", "bob")
    found = slots(cli, "--fresh")
    taken = {(d["start"], d["end"]): d for d in found["differences"]}
    monday = taken[iso(at(0, 9)), iso(at(0, 10))]
    assert monday["offered"] == ["clinic", "legacy"]
    assert monday["closed"] == {"crm": "not offered"}, "nothing was read of alice"
    cli.run("resync", "--yes")
    assert not any(d["taken"] for d in slots(cli, "--fresh")["differences"])


def test_a_new_booking_shows_as_a_difference_until_it_is_blocked(cli: CliHarness) -> None:
    at = cli.world.at
    cli.run("resync", "--yes")
    cli.world.book("clinic", "alice", at(1, 11))
    changed = slots(cli, "--fresh")["differences"]
    (one,) = [d for d in changed if d["start"] == iso(at(1, 11))]
    assert one["offered"] == ["crm", "legacy"]
    cli.run("resync", "--yes")
    assert not [d for d in slots(cli, "--fresh")["differences"] if d["start"] == iso(at(1, 11))]


def test_a_block_without_effect_is_named_with_its_remedy(cli: CliHarness) -> None:
    crm, clinic = cli.world.sandbox.crm, cli.world.sandbox.clinic
    crm.types["Busy"] = replace(crm.types["Busy"], allow_conflicts=True)
    leaky = cli.world.seed_users["clinic", "alice"].calendar
    clinic.calendars[leaky] = replace(clinic.calendars[leaky], ignores_blocks=True)
    first = json.loads(cli.run("resync", "--yes", "--json").out)
    assert first["converged"] is True
    later(cli, minutes=1)
    assert json.loads(cli.run("resync", "--yes", "--json").out)["exposures"] > 0
    status = json.loads(cli.run("status", "--json").out)
    assert {e["cause"] for e in status["exposed"]} == {"ignored"}
    assert {e["system"] for e in status["exposed"]} == {"crm", "clinic"}
    assert {e["provider"] for e in status["exposed"] if e["system"] == "clinic"} == {"alice"}
    assert status["exposures"] == len(status["exposed"])
    text = " ".join(cli.run("status").out.split())
    assert "\"Allow Conflicts\" off for the appointment type 'Busy'" in text
    assert f"clinic, calendar {leaky}" in text
    assert "there is a block, but the time can still be booked" in text


def later(cli: CliHarness, **span: float) -> None:
    """Shift the times in the state into the past."""
    state = sqlite3.connect(cli.path.parent / "state.db")
    for table, column in (("event", "written_at"), ("free_time", "asked_at")):
        for rowid, text in state.execute(f"SELECT rowid, {column} FROM {table}").fetchall():
            if text is not None:
                moved = datetime.fromisoformat(text) - timedelta(hours=1, **span)
                state.execute(
                    f"UPDATE {table} SET {column} = ? WHERE rowid = ?",
                    (moved.isoformat(timespec="microseconds")[:26] + "Z", rowid),
                )
    state.commit()
    state.close()


def test_status_shows_how_long_busy_time_was_bookable(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    cli.world.book("clinic", "alice", cli.world.at(1, 11))
    cli.run("resync", "--yes")
    measured = json.loads(cli.run("status", "--json").out)["closing_seconds"]
    assert measured["bookings"] > 20
    assert measured["open"] == 0
    assert 0 < measured["p50"] <= measured["p95"] <= measured["max"] < 60
    assert "time to block elsewhere" in " ".join(cli.run("status").out.split())


def test_a_system_without_free_slots_is_named(cli: CliHarness) -> None:
    calendar = cli.world.seed_users["legacy", "alice"].calendar
    text = cli.path.read_text().replace(f'legacy = {{ calendar = "{calendar}", ', "legacy = { ")
    cli.path.write_text(text)
    cli.run("resync", "--yes")
    result = cli.run("slots", "-p", "alice")
    assert "legacy: free slots could not be read: no calendar id is mapped for alice" in result.err
    assert "bookable in all systems" in result.out


def test_invalid_arguments_of_slots_are_refused(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    assert cli.run("slots").code == 2
    over = f"{datetime.now(UTC) - timedelta(days=30):%Y-%m-%d}"
    gone = cli.run("slots", "-p", "alice", "--from", over, "--to", over)
    assert (gone.code, "the window is in the past" in gone.err) == (2, True)
    assert cli.run("slots", "-p", "dave").code == 2
