"""The question before a write, as somebody at a real terminal sees it and answers it."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Desk
from tests.cli.typist import Typist


@pytest.mark.parametrize("answer", ["n\n", "\x03"], ids=["no", "ctrl-c"])
def test_who_says_no_to_a_resync_is_told_that_nothing_was_written(desk: Desk, answer: str) -> None:
    typist = Typist(desk.path.parent, "resync")
    typist.reads("writes would be made; nothing was written yet")
    typist.reads("Write this? [y/N]")
    typist.types(answer.rstrip("\n"))
    typist.reads("nothing was written")
    assert typist.ends() == 4
    assert "dry run" not in typist.screen
    assert "interrupted" not in typist.screen
    assert desk.wrong()
