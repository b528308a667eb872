"""Normalise a customer's e-mail addresses and phone numbers, to compare them across systems.

Matching uses no other data of a customer (docs/design.md#matching): names vary too much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import phonenumbers

from syncd.model import Person

if TYPE_CHECKING:
    from collections.abc import Iterable


def normalize_contact(
    emails: Iterable[str | None], phones: Iterable[str | None], region: str | None = None
) -> Person:
    """Normalise a customer's e-mail addresses and phone numbers; omit invalid ones.

    ``region`` is the ISO country code ("US") for national phone numbers. Without it, only numbers
    that start with ``+`` are valid.
    """
    return Person(
        emails=tuple(dict.fromkeys(filter(None, map(_email, emails)))),
        phones=tuple(dict.fromkeys(filter(None, (_phone(phone, region) for phone in phones)))),
    )


def _email(text: str | None) -> str | None:
    """Return an e-mail address in lower case; None if the text cannot be one."""
    address = (text or "").strip().casefold()
    name, at, host = address.rpartition("@")
    return address if at and name and "." in host and " " not in address else None


def _phone(text: str | None, region: str | None) -> str | None:
    """Return a phone number in E.164 form (+15550100); None if it is not a possible number."""
    try:
        number = phonenumbers.parse(text or "", region.upper() if region else None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def customer_mark(customer: object) -> str:
    """Return a checksum of a customer's id for a fingerprint, '' for none.

    The checksum does not reveal the id.
    """
    return f"{crc32(str(customer).encode()):x}" if customer else ""
