"""The questions of `syncd cleanup` on a real terminal."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Desk
from tests.cli.test_cleanup import copied, lose_the_state, standing_ids
from tests.cli.test_undo import synced
from tests.cli.typist import Typist

pytestmark = pytest.mark.sockets


def test_the_answer_no_to_a_cleanup_keeps_every_block(desk: Desk) -> None:
    synced(desk)
    before = standing_ids(desk)
    typist = Typist(desk.path.parent, "cleanup", "--system", "clinic", COLUMNS="80")
    typist.reads("to remove")
    typist.reads("Remove 18 blocks? [y/N]")
    typist.types("n")
    typist.reads("Nothing was written.")
    assert typist.ends() == 4
    assert standing_ids(desk) == before
    assert max(len(line) for line in typist.screen.splitlines()) <= 80


@pytest.mark.prove
def test_without_a_state_cleanup_asks_for_each_calendar(desk: Desk) -> None:
    by_hand = standing_ids(desk)
    synced(desk)
    pair = set(copied(desk, "clinic"))
    lose_the_state(desk)
    before = standing_ids(desk)
    typist = Typist(desk.path.parent, "cleanup", "--system", "clinic", COLUMNS="80")
    typist.answers("blocks of clinic: alice? [y/N]", "y")
    typist.answers("of clinic: bob? [y/N]", "n")
    typist.answers("of clinic: carol? [y/N]", "y")
    typist.answers("Remove ", "y")
    assert typist.ends(180) == 3
    after = standing_ids(desk)
    assert pair <= after
    assert by_hand <= after
    assert before - after
