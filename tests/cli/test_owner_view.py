"""`resync`, `status` and `check` when the events of a person show another owner."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import CliHarness

ONE_NOW = ["crm", *(pytest.param(s, marks=pytest.mark.prove) for s in ("clinic", "legacy"))]
"""`end_to_end/test_owners.py` tests what the engine does, for each system."""
NEW = {"crm": "alice.smith@example.com", "clinic": "alice-anew", "legacy": "alice-anew"}


def book(cli: CliHarness, system: str, count: int) -> None:
    for n in range(count):
        cli.world.book(system, "alice", cli.world.at(10 + n // 10, 8 + n % 10), 30)


def flat(text: str) -> str:
    """Return the text without line breaks."""
    return " ".join(text.split())


@pytest.mark.parametrize("system", ONE_NOW)
def test_unknown_owners_are_named_with_calendar_and_remedy(cli: CliHarness, system: str) -> None:
    book(cli, system, 20)
    cli.run("resync", "--yes")
    known = json.loads(cli.run("status", "--json").out)
    assert known["unknown_owners"] == []
    mine = [
        m
        for m in cli.world.sandbox.systems[system].appointments()
        if m.user == cli.world.seed_users[system, "alice"].user
    ]
    cli.world.sandbox.systems[system].rename_user(
        cli.world.seed_users[system, "alice"].user, NEW[system]
    )
    resync = cli.run("resync", "--yes")
    assert resync.code == 4
    sentence = f"events of alice in {system} now belong to a user who is not mapped"
    remedy = f"set it in [providers.alice.calendars] {system} = {{ user = … }}"
    for result in (resync, cli.run("status"), cli.run("check")):
        text = flat(result.out + result.err)
        assert sentence in text, text
        assert remedy in text
        assert "alice.smith" not in text
    assert cli.run("check").code == 2
    (told,) = json.loads(cli.run("status", "--json").out)["unknown_owners"]
    assert (told["provider"], told["system"], told["why"]) == ("alice", system, "user-missing")
    assert told["events"] >= len(mine) >= 20
    (told,) = json.loads(cli.run("resync", "--yes", "--json").out)["unknown_owners"]
    assert told["events"] >= len(mine)
    assert cli.run("plan").code == 4


def test_no_address_of_a_user_reaches_the_state(cli: CliHarness) -> None:
    cli.run("resync", "--yes")
    cli.world.sandbox.crm.rename_user("alice@example.com", NEW["crm"])
    cli.run("resync", "--yes")
    files = [file for file in cli.path.parent.rglob("state.db*") if file.is_file()]
    assert len(files) > 1, "the backup is checked too"
    assert not any(b"alice.smith" in file.read_bytes() for file in files)


@pytest.mark.parametrize("system", ONE_NOW)
def test_a_corrected_mapping_is_not_reported_as_wrong(cli: CliHarness, system: str) -> None:
    old = cli.world.seed_users[system, "alice"].user
    cli.run("resync", "--yes")
    cli.world.sandbox.systems[system].rename_user(old, NEW[system])
    data = json.loads(cli.run("resync", "--yes", "--json").out)["unknown_owners"]
    assert data[0]["since"].endswith("Z")
    cli.path.write_text(cli.path.read_text().replace(old, NEW[system]))
    check, status = cli.run("check"), cli.run("status")
    assert check.code == 0
    for result in (check, status):
        text = flat(result.out + result.err)
        assert "The next full read checks it again: run `syncd resync`" in text
        assert "not mapped" not in text
    assert cli.run("resync", "--yes").code == 0
    assert "checks it again" not in flat(cli.run("check").out)
