"""`syncd cleanup`, as a person runs it beside real emulators."""

from __future__ import annotations

import json

from tests.cli.conftest import Desk
from tests.cli.test_left_behind import without
from tests.cli.test_undo import blocks, synced


def test_a_provider_that_left_is_shown_and_cleaned_up(desk: Desk) -> None:
    synced(desk)
    before = blocks(desk)
    without(desk, "provider")
    dry = desk.say("cleanup", "--provider", "bob", "--dry-run")
    assert dry.code == 0, dry.err
    assert "bob · Europe/Berlin" in dry.out
    assert max(len(line) for line in dry.out.splitlines()) <= 80
    assert blocks(desk) == before
    said = desk.say("cleanup", "--provider", "bob", "--yes")
    assert (said.code, "none is left" in said.out) == (0, True), said.err
    assert blocks(desk) < before
    assert json.loads(desk.say("status", "--json").out)["left_behind"] == []


def test_a_cleanup_without_a_terminal_needs_yes(desk: Desk) -> None:
    synced(desk)
    before = blocks(desk)
    said = desk.say("cleanup")
    assert (said.code, "--yes" in said.err, blocks(desk)) == (2, True, before)
