"""Untrusted texts cannot control a terminal, forge log lines or mislead a reader."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.systems.redact import Redactor
from syncd.systems.sanitize import sanitize

HOSTILE = {
    "clears the screen": "\x1b[2J\x1b[H",
    "sets the title": "\x1b]0;owned\x07",
    "one-byte escape": "\x9b31m",
    "line that is not there": "ok\r\nERROR all bookings deleted",
    "backspaces": "evil\b\b\b\bgood",
    "read backwards": "\u202egnp.exe",
    "isolates": "\u2066a\u2069",
    "line separator": "a\u2028b",
    "nothing to be seen": "a\u200bb\ufeff",
    "zero": "a\0b",
    "half a character": "\ud800",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_control_characters_are_escaped(text: str) -> None:
    shown = sanitize(text)
    assert shown.isprintable()
    assert "\\u" in shown


@pytest.mark.parametrize(
    "text", ["Praxis Dr. Müller", "日本語", "نص عربي", "👩\u200d⚕️", "=1+1", "[red]"]
)
def test_ordinary_texts_are_unchanged(text: str) -> None:
    assert sanitize(text) == text


def test_line_breaks_can_be_kept() -> None:
    assert sanitize("a\nb\x1b", keep="\n") == "a\nb\\u001b"


@given(st.text())
def test_no_control_character_remains(text: str) -> None:
    acting = {"Cc", "Cs", "Zl", "Zp"}
    assert not [c for c in sanitize(text) if unicodedata.category(c) in acting]


@given(st.text())
def test_an_error_text_becomes_one_line_without_escapes(text: str) -> None:
    said = Redactor()(text)
    assert not [c for c in said if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]
