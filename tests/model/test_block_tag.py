"""A tag in a text is found again, and nothing else counts as a tag."""

from __future__ import annotations

import pytest

from syncd.machine import random_id, random_key
from syncd.model import embed_tag, find_tag


def test_a_tag_is_found_in_its_text() -> None:
    assert find_tag(embed_tag("Busy", "abcdefg234")) == "abcdefg234"


def test_a_tag_is_found_in_any_of_several_texts() -> None:
    assert find_tag(None, 3, "", "x " + embed_tag("", "zzzzzzzzz7") + " y") == "zzzzzzzzz7"


@pytest.mark.parametrize("text", ["[s:short]", "[s:ABCDEFG234]", "s:abcdefg234", "[s:abcdefg2345]"])
def test_text_that_resembles_a_tag_is_none(text: str) -> None:
    assert find_tag(text) is None


def test_every_random_tag_is_found_again() -> None:
    keys = {random_key() for _ in range(2000)}
    assert len(keys) == 2000
    assert all(find_tag(embed_tag("Busy", key)) == key for key in keys)


def test_random_ids_have_one_length() -> None:
    assert {len(random_id()) for _ in range(200)} == {12}
