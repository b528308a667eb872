"""Texts that a platform cuts in the middle of a character."""

from __future__ import annotations

import json

import pytest

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.odd_rows import insert_odd_values
from syncd.systems.decoding import repaired


@pytest.mark.parametrize("spelling", ["", "bytes"])
def test_a_repaired_text_that_was_sent_back_is_not_cut_again(spelling: str) -> None:
    shown = repaired(
        insert_odd_values(b'{"title": "Consultation"}', FaultKind.HALF_EMOJI, spelling)
    )
    written = json.dumps(json.loads(shown)).encode()
    again = repaired(insert_odd_values(written, FaultKind.HALF_EMOJI, spelling))
    assert json.loads(again) == json.loads(shown)
