"""`check` and `status` show measured platform facts, and the page about them is generated."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from syncd.cli.facts_page import page
from syncd.config.load import load
from syncd.machine import RealClock
from syncd.model import Fact
from syncd.model.platform_facts import platform_facts
from syncd.store import Store
from tests.cli.conftest import CliHarness

ROOT = Path(__file__).parents[2]


def store_facts(cli: CliHarness, *facts: tuple[str, str, str, int]) -> None:
    """Store facts: system, name, value, and how many days ago."""
    if not (cli.path.parent / "state.db").exists():
        assert cli.run("resync", "--yes").code == 0
    now = RealClock().now()
    store = Store.open(load(cli.path, {}).syncd.state_path)
    store.save_health(*(Fact(s, n, v, now - timedelta(days=d)) for s, n, v, d in facts))
    store.close()


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_page_matches_the_generated_one() -> None:
    committed = (ROOT / "docs" / "platform-facts.md").read_text()
    assert committed == page(), "run: python -m syncd.cli.facts_page > docs/platform-facts.md"


def test_status_counts_measured_facts_and_names_contradicted_ones(cli: CliHarness) -> None:
    store_facts(
        cli,
        ("clinic", "block_by_id", "yes", 3),
        ("clinic", "list_lag", "!0", 2),
        ("crm", "rows_carry_end", "yes", 1),
    )
    result = cli.run("status")
    assert result.code == 0
    counted = words(result.out).partition("platform facts measured: ")[2]
    assert counted.startswith("clinic 1, crm ")  # reads measured other facts
    assert "clinic: a response contradicted a measured fact: list_lag (2 days ago)" in words(
        result.err
    )
    assert "syncd probe clinic" in words(result.err)
    systems = json.loads(cli.run("status", "--json").out)["systems"]
    facts = {each["name"]: each for each in systems["clinic"]["facts"]}
    assert [*facts] == [row.name for row in platform_facts("leadconnector")]
    by_id, lag, tag = facts["block_by_id"], facts["list_lag"], facts["keeps_tag"]
    assert (by_id["value"], by_id["side"], by_id["contradicted_at"]) == ("yes", "measured", None)
    assert by_id["measured_at"].endswith("Z") or "+00:00" in by_id["measured_at"]
    assert (lag["value"], lag["side"], lag["measured_at"]) == ("10", "contradicted", None)
    assert lag["contradicted_at"]
    assert (tag["value"], tag["side"], tag["measured_at"]) == ("yes", "safe", None)


def test_check_shows_dated_values_and_asks_for_a_new_probe_after_90_days(
    cli: CliHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    store_facts(
        cli,
        ("clinic", "block_by_id", "yes", 91),
        ("clinic", "keeps_tag", "yes", 89),
        ("clinic", "lists_service_bookings", "no", 1),
        ("legacy", "lists_blocks", "!yes", 1),
        ("crm", "cap POST Task.svc/RetrieveAppointments/ByUserEmailAddress", "500", 1),
    )
    result = cli.run("check", "--offline")
    assert result.code == 0
    assert all(len(line) <= 80 for line in result.out.splitlines())
    out = words(result.out)
    assert "measured more than 90 days ago: block_by_id" in out
    assert "lists of this account do not show bookings of service menus" in out
    assert "so its safe side is assumed: lists_blocks" in out
    assert "this account was not probed yet" in out  # crm: a probe does not measure the cap
    assert (RealClock().now() - timedelta(days=91)).date().isoformat() in result.out
    found = json.loads(cli.run("check", "--offline", "--json").out)
    levels = {(f["level"], f["subject"], f["remedy"]) for f in found["findings"]}
    assert ("warning", "clinic", "Run `syncd probe clinic`") in levels
    assert ("note", "crm", "Run `syncd probe crm`") in levels
    assert ("note", "clinic", "Run `syncd probe clinic`") not in levels
    sides = {f["name"]: f["side"] for f in found["facts"]["crm"]}
    assert sides["list_cap"] == "measured"
    assert cli.run("check", "--offline", "--strict").code == 2


def test_without_a_state_check_only_suggests_a_probe(cli: CliHarness) -> None:
    found = json.loads(cli.run("check", "--offline", "--json").out)
    notes = [(f["level"], f["subject"]) for f in found["findings"] if "probe" in f["remedy"]]
    # The second one of clinic is about bookings of service menus.
    assert notes == [("note", system) for system in ("clinic", "clinic", "crm", "legacy")]
    assert {f["side"] for facts in found["facts"].values() for f in facts} == {"safe"}


def test_unmeasured_service_bookings_are_named_by_status_and_check(
    cli: CliHarness,
) -> None:
    unknown = "clinic: it is unknown whether lists of this account show bookings of service menus"
    assert cli.run("resync", "--yes").code == 0
    status, check = cli.run("status"), cli.run("check", "--offline")
    assert unknown in words(status.out)
    assert "unknown whether lists of this account show bookings of service menus" in words(
        check.out
    )
    assert (status.code, check.code) == (0, 0)
    store_facts(cli, ("clinic", "lists_service_bookings", "no", 1))
    status = cli.run("status")
    assert "it is unknown" not in words(status.out)
    assert "clinic: lists of this account do not show bookings of service menus" in words(
        status.err
    )
    store_facts(cli, ("clinic", "lists_service_bookings", "yes", 0))
    status, check = cli.run("status"), cli.run("check", "--offline")
    assert "service menus" not in words(status.out + status.err + check.out)
