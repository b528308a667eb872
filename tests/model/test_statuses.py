"""The table of status words of all platforms, and configured words."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model import Status, Statuses, normalize_status, status_text, unknown_status_message
from syncd.model.statuses import NO_WORD

ANY = Statuses.of()
CRM = Statuses.of_leadsquared()


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("new", Status.NEW),
        ("pending", Status.NEW),
        ("Unconfirmed", Status.NEW),
        ("overdue", Status.NEW),
        ("confirmed", Status.CONFIRMED),
        ("booked", Status.CONFIRMED),
        ("active", Status.CONFIRMED),
        ("rescheduled", Status.CONFIRMED),
        ("Re-Scheduled", Status.CONFIRMED),
        ("showed", Status.SHOWED),
        ("COMPLETED", Status.SHOWED),
        ("cancelled", Status.CANCELLED),
        ("canceled", Status.CANCELLED),
        ("CANCELED", Status.CANCELLED),
        ("noshow", Status.NOSHOW),
        ("no-show", Status.NOSHOW),
        ("no show", Status.NOSHOW),
        ("No_Show", Status.NOSHOW),
        (" invalid ", Status.INVALID),
    ],
)
def test_a_word_means_one_status_in_every_spelling(word: str, status: Status) -> None:
    assert ANY.read(word) is status


@pytest.mark.parametrize(
    "word", ["", "?", "1", "-1", "cancel", "deleted", "not cancelled", "uncancelled", "abgesagt"]
)
def test_an_unknown_word_counts_as_busy(word: str) -> None:
    assert ANY.read(word) is None
    assert ANY.status_of(word).busy


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("0", Status.CONFIRMED),
        ("Pending", Status.CONFIRMED),
        ("Overdue", Status.CONFIRMED),
        ("1", Status.SHOWED),
        ("1.0", Status.SHOWED),
        ("Completed", Status.SHOWED),
        ("2", Status.CANCELLED),
        ("Cancelled", Status.CANCELLED),
        ("-1", None),
        ("12", None),
    ],
)
def test_leadsquared_reads_codes_and_has_one_open_status(word: str, status: Status | None) -> None:
    assert CRM.read(word) is status


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, ""),
        ("  ", ""),
        (" New ", "New"),
        (2, "2"),
        (2.0, "2"),
        (-1, "-1"),
        (2.5, NO_WORD),
        ("9" * 5_000, "9" * 5_000),
        ("new\0", "new\ufffd"),
        (True, NO_WORD),
        ({"name": "cancelled"}, NO_WORD),
        (["cancelled"], NO_WORD),
    ],
)
def test_a_status_that_is_not_text_is_not_a_word(value: Any, word: str) -> None:
    assert status_text(value) == word
    assert ANY.status_of(status_text(value)).busy


def test_a_configured_word_overrides_the_table_in_every_spelling() -> None:
    own = Statuses.of({"Did not come": Status.NOSHOW, "completed": Status.CONFIRMED})
    assert own.read("did-not-come") is Status.NOSHOW
    assert own.read("Completed") is Status.CONFIRMED
    assert own.read("complete") is Status.SHOWED
    crm = Statuses.of_leadsquared({"0": Status.NEW, "-1": Status.CANCELLED})
    assert crm.read("0") is Status.NEW
    assert crm.read("-1") is Status.CANCELLED
    assert crm.read("1") is Status.SHOWED


def test_a_fingerprint_shows_the_meaning_of_words_that_may_get_another() -> None:
    assert ANY.fingerprint_text("confirmed") == "confirmed"
    assert ANY.fingerprint_text("") == ""
    assert ANY.fingerprint_text("maybe") == "maybe=?"
    assert ANY.fingerprint_text("canceled") == "canceled=cancelled"
    own = Statuses.of({"maybe": Status.CANCELLED, "confirmed": Status.NEW})
    assert own.fingerprint_text("maybe") == "maybe=cancelled"
    assert own.fingerprint_text("confirmed") == "confirmed=new"
    assert "confirmed" not in own.plain
    assert Statuses.of_leadsquared({"0": Status.NEW}).plain == {"1"}


def test_normalizing_keeps_the_sign_of_a_number() -> None:
    assert (normalize_status("-1"), normalize_status("01"), normalize_status("no-1")) == (
        "-1",
        "1",
        "no1",
    )


def test_a_long_word_is_shortened_in_messages() -> None:
    assert len(unknown_status_message("x" * 5_000)) < 120
