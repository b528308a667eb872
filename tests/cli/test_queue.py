"""Listing and resolving conflicts: real commands, emulated platforms, a real state file."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tests.cli.conftest import Desk, Said

HOUR = timedelta(hours=1)


def rules(desk: Desk, text: str) -> None:
    """Replace the rules in the configuration."""
    kept = desk.path.read_text().split("[rules]")[0]
    desk.path.write_text(f"{kept}\n[rules]\n{text}\n")


def platform(system: str, desk: Desk) -> Any:
    return desk.world.sandbox.systems[system]


def queue(desk: Desk) -> list[dict[str, Any]]:
    return list(json.loads(desk.say("conflicts", "--json").out))


def resolve(desk: Desk, held: dict[str, Any], *how: object) -> Said:
    return desk.say("conflicts", "resolve", held["id"], *how)


def a_meeting_moved_apart(desk: Desk) -> tuple[str, str]:
    """Hold a conflict: the same meeting in two systems, moved to different times."""
    rules(desk, 'moved_apart = "hold"')
    start = desk.world.at(4, 10)
    clinic = desk.world.book("clinic", "alice", start)
    legacy = desk.world.book("legacy", "alice", start)
    assert desk.say("resync", "--yes").code == 0
    platform("clinic", desk).move(clinic, start + 2 * HOUR, start + 3 * HOUR)
    platform("legacy", desk).move(legacy, start + 4 * HOUR, start + 5 * HOUR)
    assert desk.say("resync", "--yes").code == 3
    return clinic, legacy


def test_a_held_conflict_is_listed_shown_previewed_and_resolved(desk: Desk) -> None:
    a_meeting_moved_apart(desk)
    (held,) = queue(desk)
    assert (held["kind"], held["held"], held["rule"]) == (
        "moved_apart",
        True,
        "moved_apart = hold",
    )
    listed = desk.say("conflicts")
    assert listed.code == 3
    assert held["id"] in listed.out
    assert max(map(len, listed.out.splitlines())) <= 100
    shown = desk.say("conflicts", "show", held["id"][:6])
    for told in ("--take clinic", "--take legacy", "--keep-both", "--dismiss", "free in all"):
        assert told in shown.out
    assert "legacy: move the appointment from" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 100
    tried = json.loads(resolve(desk, held, "--take", "clinic", "--dry-run", "--json").out)
    assert [o["action"] for o in tried["plan"] if o["system"] == "legacy"] == [
        "move-appointment",
        "remove-block",
    ]
    assert queue(desk) == [held]
    assert desk.wrong()
    done = resolve(desk, held, "--take", "clinic")
    assert (done.code, "resolved" in done.out) == (0, True)
    assert (queue(desk), desk.wrong()) == ([], [])
    again = resolve(desk, held, "--take", "clinic")
    assert again.code == 2
    assert "is closed: resolved: take clinic" in again.err
    why = json.loads(desk.say("history", "--json").out)
    assert "resolved: take clinic" in {note["rule"] for note in why}
    assert desk.say("resync", "--yes").code == 0


def test_resolving_a_changed_conflict_shows_the_new_values(
    desk: Desk,
) -> None:
    clinic, _ = a_meeting_moved_apart(desk)
    (held,) = queue(desk)
    start = desk.world.at(4, 16)
    platform("clinic", desk).move(clinic, start, start + HOUR)
    refused = resolve(desk, held, "--take", "clinic", "--json")
    said = json.loads(refused.out)
    assert (refused.code, said["ending"]) == (3, "changed")
    new = said["now"]["claims"][0]["value"]["start"]
    assert new == start.isoformat().replace("+00:00", "Z")
    (now,) = queue(desk)
    assert now["id"] == said["now"]["id"] != held["id"]
    assert resolve(desk, now, "--at", "12:00").code == 0
    assert (queue(desk), desk.wrong()) == ([], [])


def test_an_unusual_time_needs_yes(desk: Desk) -> None:
    a_meeting_moved_apart(desk)
    (held,) = queue(desk)
    night = resolve(desk, held, "--at", "03:00")
    assert (night.code, "outside alice's working hours" in " ".join(night.err.split())) == (2, True)
    past = resolve(desk, held, "--at", "2020-01-01T10:00")
    assert (past.code, "is in the past" in past.err) == (2, True)
    for far in ("9999-12-31T10:00", "2020-01-01T10:00"):
        away = resolve(desk, held, "--at", far, "--yes")
        assert (away.code, "more than five years away" in " ".join(away.err.split())) == (2, True)
    nonsense = resolve(desk, held, "--at", "soon")
    assert (nonsense.code, "is not a valid time" in nonsense.err) == (2, True)
    assert resolve(desk, held, "--at", "12:00", "--dismiss").code == 2
    assert resolve(desk, held, "--take", "crm").code == 2
    assert queue(desk) == [held]
    assert resolve(desk, held, "--at", "03:00", "--yes", "--dry-run").code == 0


def test_an_unknown_event_is_no_resolution(desk: Desk) -> None:
    a_meeting_moved_apart(desk)
    (held,) = queue(desk)
    refused = resolve(desk, held, "--take", "clinic/nothing")
    assert refused.code == 2
    assert "clinic has no event 'nothing' of this booking" in " ".join(refused.err.split())
    assert queue(desk) == [held]


def test_a_conflict_of_another_kind_counts_as_changed(desk: Desk) -> None:
    clinic, _ = a_meeting_moved_apart(desk)
    rules(desk, 'moved_apart = "hold"\nmoved_and_cancelled = "hold"')
    (held,) = queue(desk)
    platform("clinic", desk).cancel(clinic)
    refused = resolve(desk, held, "--take", "legacy", "--json")
    said = json.loads(refused.out)
    assert (refused.code, said["ending"]) == (3, "changed")
    assert said["now"]["kind"] == "moved_and_cancelled"


def test_a_busy_time_needs_yes(desk: Desk) -> None:
    a_meeting_moved_apart(desk)
    (held,) = queue(desk)
    # Friday of the week of bookings: Alice has another meeting from 9 to 10.
    refused = resolve(desk, held, "--at", "09:30")
    told = " ".join(refused.err.split())
    assert (refused.code, "alice is busy Fri" in told) == (2, True)
    assert "09:00-10:00 Europe/Berlin" in told
    meant = resolve(desk, held, "--at", "09:30", "--yes", "--dry-run")
    assert meant.code == 0
    # The time is shown in the provider's zone.
    assert "09:30)" in meant.out
    assert "Z" not in meant.out


def test_a_dismissed_conflict_is_hidden_until_it_changes(desk: Desk) -> None:
    clinic, _ = a_meeting_moved_apart(desk)
    (held,) = queue(desk)
    assert resolve(desk, held, "--dismiss").code == 0
    assert queue(desk) == []
    assert desk.say("resync", "--yes").code == 0
    assert "dismissed" in desk.say("conflicts", "show", held["id"]).out
    start = desk.world.at(4, 16)
    platform("clinic", desk).move(clinic, start, start + HOUR)
    assert desk.say("resync", "--yes").code == 3
    assert len(queue(desk)) == 1


def test_a_double_booking_is_reported_once_and_closes_by_itself(desk: Desk) -> None:
    rules(desk, "")
    start = desk.world.at(4, 10)
    desk.world.book("clinic", "alice", start)
    late = desk.world.book("legacy", "alice", start + HOUR / 2)
    assert desk.say("resync", "--yes").code == 3
    (told,) = queue(desk)
    assert (told["kind"], told["held"]) == ("double_booked", False)
    assert {c["system"] for c in told["claims"]} == {"clinic", "legacy"}
    assert desk.say("conflicts").code == 3
    desk.say("resync", "--yes")
    assert queue(desk) == [told]
    platform("legacy", desk).cancel(late)
    desk.say("resync", "--yes")
    assert queue(desk) == []
    closed = desk.say("conflicts", "show", told["id"])
    assert "the meetings no longer overlap" in " ".join(closed.err.split())


def test_check_explains_the_rules_and_refuses_an_override_that_never_matches(desk: Desk) -> None:
    rules(
        desk,
        'moved_apart = "hold"\n[[rules.override]]\nprovider = "alice"\nkind = "moved_apart"\n'
        'choice = "latest"',
    )
    said = desk.say("check", "--offline")
    assert said.code == 0
    assert "rules of alice" in said.out
    assert "rules of bob, carol" in said.out
    found = json.loads(desk.say("check", "--offline", "--json").out)["rules"]
    apart = {r["provider"]: (r["choice"], r["from"]) for r in found if r["kind"] == "moved_apart"}
    assert apart["alice"] == ("latest", "rules.override[0]")
    assert apart["bob"] == ("hold", "rules.moved_apart")
    desk.path.write_text(
        desk.path.read_text()
        + '\n[[rules.override]]\nprovider = "alice"\nkind = "moved_apart"\nchoice = "prefer"\n'
    )
    refused = desk.say("check", "--offline")
    assert refused.code == 2
    assert "can never match: rules.override[0] comes first" in " ".join(refused.err.split())


def test_a_conflict_of_a_removed_provider_is_shown_but_not_resolved(
    desk: Desk,
) -> None:
    a_meeting_moved_apart(desk)
    (held,) = queue(desk)
    kept = desk.path.read_text()
    before, _, after = kept.partition("[providers.alice]")
    desk.path.write_text(before + after[after.index("[providers.bob]") :])
    shown = desk.say("conflicts", "show", held["id"])
    assert (shown.code, held["id"] in shown.out) == (0, True), shown.err
    for how in (["--take", "clinic"], ["--keep-both"], ["--at", "14:00", "--yes"]):
        said = resolve(desk, held, *how)
        assert said.code == 2
        assert "alice is no longer in the configuration" in said.err
    desk.path.write_text(kept)
    assert resolve(desk, held, "--take", "clinic").code == 0
    assert (queue(desk), desk.wrong()) == ([], [])
