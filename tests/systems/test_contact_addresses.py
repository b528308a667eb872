"""E-mail addresses and phone numbers are normalised, so that systems can be compared."""

from __future__ import annotations

import pytest

from syncd.systems.contact_addresses import normalize_contact


@pytest.mark.parametrize("text", ["Jo@Example.com", "  jo@example.com ", "JO@EXAMPLE.COM"])
def test_an_address_is_compared_without_case_and_spaces(text: str) -> None:
    assert normalize_contact([text], []).emails == ("jo@example.com",)


@pytest.mark.parametrize("text", [None, "", "jo", "@example.com", "jo@localhost", "a b@x.example"])
def test_an_invalid_email_address_is_omitted(text: str | None) -> None:
    assert normalize_contact([text], []).emails == ()


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("+1 201-555-0123", None),
        ("+1 201-555-0123", "IN"),
        ("(201) 555-0123", "US"),
        ("201.555.0123", "us"),
    ],
)
def test_a_phone_becomes_e164(text: str, region: str | None) -> None:
    assert normalize_contact([], [text], region).phones == ("+12015550123",)


@pytest.mark.parametrize(
    ("text", "region"),
    [(None, "US"), ("", "US"), ("none", "US"), ("12", "US"), ("201-555-0123", None), ("5", "ZZ")],
)
def test_an_invalid_phone_number_is_omitted(text: str | None, region: str | None) -> None:
    assert normalize_contact([], [text], region).phones == ()


def test_the_same_address_twice_counts_once() -> None:
    found = normalize_contact(
        ["a@example.com", "A@example.com"], ["+12015550123", "+1 201 555 0123"]
    )
    assert (found.emails, found.phones) == (("a@example.com",), ("+12015550123",))


def test_a_person_is_never_printed() -> None:
    assert "example" not in repr(normalize_contact(["a@example.com"], []))
