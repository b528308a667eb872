"""The questions of `syncd cleanup` on a real terminal."""

from __future__ import annotations

import pytest

from tests.cli.conftest import CliHarness
from tests.cli.terminal_session import TerminalSession
from tests.cli.test_cleanup import copied, lose_the_state, standing_ids
from tests.cli.test_undo import synced

pytestmark = pytest.mark.sockets


def test_the_answer_no_to_a_cleanup_keeps_every_block(cli: CliHarness) -> None:
    synced(cli)
    before = standing_ids(cli)
    session = TerminalSession(cli.path.parent, "cleanup", "--system", "clinic", COLUMNS="80")
    session.expect("to remove")
    session.expect("Remove 18 blocks? [y/N]")
    session.type_line("n")
    session.expect("Nothing was written.")
    assert session.wait() == 4
    assert standing_ids(cli) == before
    assert max(len(line) for line in session.screen.splitlines()) <= 80


@pytest.mark.prove
def test_without_a_state_cleanup_asks_for_each_calendar(cli: CliHarness) -> None:
    by_hand = standing_ids(cli)
    synced(cli)
    pair = set(copied(cli, "clinic"))
    lose_the_state(cli)
    before = standing_ids(cli)
    session = TerminalSession(cli.path.parent, "cleanup", "--system", "clinic", COLUMNS="80")
    session.answer("blocks of clinic: alice? [y/N]", "y")
    session.answer("of clinic: bob? [y/N]", "n")
    session.answer("of clinic: carol? [y/N]", "y")
    session.answer("Remove ", "y")
    assert session.wait(180) == 3
    after = standing_ids(cli)
    assert pair <= after
    assert by_hand <= after
    assert before - after
