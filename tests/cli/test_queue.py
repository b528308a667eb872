"""Listing and resolving conflicts: real commands, emulated platforms, a real state file."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tests.cli.conftest import CliHarness, Result

HOUR = timedelta(hours=1)


def rules(cli: CliHarness, text: str) -> None:
    """Replace the rules in the configuration."""
    kept = cli.path.read_text().split("[rules]")[0]
    cli.path.write_text(f"{kept}\n[rules]\n{text}\n")


def platform(system: str, cli: CliHarness) -> Any:
    return cli.world.sandbox.systems[system]


def queue(cli: CliHarness) -> list[dict[str, Any]]:
    return list(json.loads(cli.run("conflicts", "--json").out))


def resolve(cli: CliHarness, held: dict[str, Any], *how: object) -> Result:
    return cli.run("conflicts", "resolve", held["id"], *how)


def a_meeting_moved_apart(cli: CliHarness) -> tuple[str, str]:
    """Hold a conflict: the same meeting in two systems, moved to different times."""
    rules(cli, 'moved_apart = "hold"')
    start = cli.world.at(4, 10)
    clinic = cli.world.book("clinic", "alice", start)
    legacy = cli.world.book("legacy", "alice", start)
    assert cli.run("resync", "--yes").code == 0
    platform("clinic", cli).move(clinic, start + 2 * HOUR, start + 3 * HOUR)
    platform("legacy", cli).move(legacy, start + 4 * HOUR, start + 5 * HOUR)
    assert cli.run("resync", "--yes").code == 3
    return clinic, legacy


def test_a_held_conflict_is_listed_shown_previewed_and_resolved(cli: CliHarness) -> None:
    a_meeting_moved_apart(cli)
    (held,) = queue(cli)
    assert (held["kind"], held["held"], held["rule"]) == (
        "moved_apart",
        True,
        "moved_apart = hold",
    )
    listed = cli.run("conflicts")
    assert listed.code == 3
    assert held["id"] in listed.out
    assert max(map(len, listed.out.splitlines())) <= 100
    shown = cli.run("conflicts", "show", held["id"][:6])
    for told in ("--take clinic", "--take legacy", "--keep-both", "--dismiss", "free in all"):
        assert told in shown.out
    assert "legacy: move the appointment from" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 100
    tried = json.loads(resolve(cli, held, "--take", "clinic", "--dry-run", "--json").out)
    assert [o["action"] for o in tried["plan"] if o["system"] == "legacy"] == [
        "move-appointment",
        "remove-block",
    ]
    assert queue(cli) == [held]
    assert cli.disagreements()
    done = resolve(cli, held, "--take", "clinic")
    assert (done.code, "resolved" in done.out) == (0, True)
    assert (queue(cli), cli.disagreements()) == ([], [])
    again = resolve(cli, held, "--take", "clinic")
    assert again.code == 2
    assert "is closed: resolved: take clinic" in again.err
    why = json.loads(cli.run("history", "--json").out)
    assert "resolved: take clinic" in {note["rule"] for note in why}
    assert cli.run("resync", "--yes").code == 0


def test_resolving_a_changed_conflict_shows_the_new_values(
    cli: CliHarness,
) -> None:
    clinic, _ = a_meeting_moved_apart(cli)
    (held,) = queue(cli)
    start = cli.world.at(4, 16)
    platform("clinic", cli).move(clinic, start, start + HOUR)
    refused = resolve(cli, held, "--take", "clinic", "--json")
    data = json.loads(refused.out)
    assert (refused.code, data["ending"]) == (3, "changed")
    new = data["now"]["claims"][0]["value"]["start"]
    assert new == start.isoformat().replace("+00:00", "Z")
    (now,) = queue(cli)
    assert now["id"] == data["now"]["id"] != held["id"]
    assert resolve(cli, now, "--at", "12:00").code == 0
    assert (queue(cli), cli.disagreements()) == ([], [])


def test_an_unusual_time_needs_yes(cli: CliHarness) -> None:
    a_meeting_moved_apart(cli)
    (held,) = queue(cli)
    night = resolve(cli, held, "--at", "03:00")
    assert (night.code, "outside alice's working hours" in " ".join(night.err.split())) == (2, True)
    past = resolve(cli, held, "--at", "2020-01-01T10:00")
    assert (past.code, "is in the past" in past.err) == (2, True)
    for far in ("9999-12-31T10:00", "2020-01-01T10:00"):
        away = resolve(cli, held, "--at", far, "--yes")
        assert (away.code, "more than five years away" in " ".join(away.err.split())) == (2, True)
    nonsense = resolve(cli, held, "--at", "soon")
    assert (nonsense.code, "is not a valid time" in nonsense.err) == (2, True)
    assert resolve(cli, held, "--at", "12:00", "--dismiss").code == 2
    assert resolve(cli, held, "--take", "crm").code == 2
    assert queue(cli) == [held]
    assert resolve(cli, held, "--at", "03:00", "--yes", "--dry-run").code == 0


def test_an_unknown_event_is_no_resolution(cli: CliHarness) -> None:
    a_meeting_moved_apart(cli)
    (held,) = queue(cli)
    refused = resolve(cli, held, "--take", "clinic/nothing")
    assert refused.code == 2
    assert "clinic has no event 'nothing' of this booking" in " ".join(refused.err.split())
    assert queue(cli) == [held]


def test_a_conflict_of_another_kind_counts_as_changed(cli: CliHarness) -> None:
    clinic, _ = a_meeting_moved_apart(cli)
    rules(cli, 'moved_apart = "hold"\nmoved_and_cancelled = "hold"')
    (held,) = queue(cli)
    platform("clinic", cli).cancel(clinic)
    refused = resolve(cli, held, "--take", "legacy", "--json")
    data = json.loads(refused.out)
    assert (refused.code, data["ending"]) == (3, "changed")
    assert data["now"]["kind"] == "moved_and_cancelled"


def test_a_busy_time_needs_yes(cli: CliHarness) -> None:
    a_meeting_moved_apart(cli)
    (held,) = queue(cli)
    # Friday of the week of bookings: Alice has another meeting from 9 to 10.
    refused = resolve(cli, held, "--at", "09:30")
    text = " ".join(refused.err.split())
    assert (refused.code, "alice is busy Fri" in text) == (2, True)
    assert "09:00-10:00 Europe/Berlin" in text
    meant = resolve(cli, held, "--at", "09:30", "--yes", "--dry-run")
    assert meant.code == 0
    # The time is shown in the provider's zone.
    assert "09:30)" in meant.out
    assert "Z" not in meant.out


def test_a_dismissed_conflict_is_hidden_until_it_changes(cli: CliHarness) -> None:
    clinic, _ = a_meeting_moved_apart(cli)
    (held,) = queue(cli)
    assert resolve(cli, held, "--dismiss").code == 0
    assert queue(cli) == []
    assert cli.run("resync", "--yes").code == 0
    assert "dismissed" in cli.run("conflicts", "show", held["id"]).out
    start = cli.world.at(4, 16)
    platform("clinic", cli).move(clinic, start, start + HOUR)
    assert cli.run("resync", "--yes").code == 3
    assert len(queue(cli)) == 1


def test_a_double_booking_is_reported_once_and_closes_by_itself(cli: CliHarness) -> None:
    rules(cli, "")
    start = cli.world.at(4, 10)
    cli.world.book("clinic", "alice", start)
    late = cli.world.book("legacy", "alice", start + HOUR / 2)
    assert cli.run("resync", "--yes").code == 3
    (shown,) = queue(cli)
    assert (shown["kind"], shown["held"]) == ("double_booked", False)
    assert {c["system"] for c in shown["claims"]} == {"clinic", "legacy"}
    assert cli.run("conflicts").code == 3
    cli.run("resync", "--yes")
    assert queue(cli) == [shown]
    platform("legacy", cli).cancel(late)
    cli.run("resync", "--yes")
    assert queue(cli) == []
    closed = cli.run("conflicts", "show", shown["id"])
    assert "the meetings no longer overlap" in " ".join(closed.err.split())


def test_check_explains_the_rules_and_refuses_an_override_that_never_matches(
    cli: CliHarness,
) -> None:
    rules(
        cli,
        'moved_apart = "hold"\n[[rules.override]]\nprovider = "alice"\nkind = "moved_apart"\n'
        'choice = "latest"',
    )
    result = cli.run("check", "--offline")
    assert result.code == 0
    assert "rules of alice" in result.out
    assert "rules of bob, carol" in result.out
    found = json.loads(cli.run("check", "--offline", "--json").out)["rules"]
    apart = {r["provider"]: (r["choice"], r["from"]) for r in found if r["kind"] == "moved_apart"}
    assert apart["alice"] == ("latest", "rules.override[0]")
    assert apart["bob"] == ("hold", "rules.moved_apart")
    cli.path.write_text(
        cli.path.read_text()
        + '\n[[rules.override]]\nprovider = "alice"\nkind = "moved_apart"\nchoice = "prefer"\n'
    )
    refused = cli.run("check", "--offline")
    assert refused.code == 2
    assert "can never match: rules.override[0] comes first" in " ".join(refused.err.split())


def test_a_conflict_of_a_removed_provider_is_shown_but_not_resolved(
    cli: CliHarness,
) -> None:
    a_meeting_moved_apart(cli)
    (held,) = queue(cli)
    kept = cli.path.read_text()
    before, _, after = kept.partition("[providers.alice]")
    cli.path.write_text(before + after[after.index("[providers.bob]") :])
    shown = cli.run("conflicts", "show", held["id"])
    assert (shown.code, held["id"] in shown.out) == (0, True), shown.err
    for how in (["--take", "clinic"], ["--keep-both"], ["--at", "14:00", "--yes"]):
        result = resolve(cli, held, *how)
        assert result.code == 2
        assert "alice is no longer in the configuration" in result.err
    cli.path.write_text(kept)
    assert resolve(cli, held, "--take", "clinic").code == 0
    assert (queue(cli), cli.disagreements()) == ([], [])
