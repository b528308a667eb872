"""A customer's addresses in the one spelling in which systems can be compared.

Matching uses nothing else of a customer (docs/design.md#matching): names are spelt too freely.
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
    """Normalise what a platform keeps of a customer; what cannot be normalised is left out.

    ``region`` is an ISO country code ("US") by which national numbers are read; without it only
    numbers that start with ``+`` count.
    """
    return Person(
        emails=tuple(dict.fromkeys(filter(None, map(_email, emails)))),
        phones=tuple(dict.fromkeys(filter(None, (_phone(phone, region) for phone in phones)))),
    )


def _email(text: str | None) -> str | None:
    """Lower case, no spaces around; None if it cannot be an address."""
    address = (text or "").strip().casefold()
    name, at, host = address.rpartition("@")
    return address if at and name and "." in host and " " not in address else None


def _phone(text: str | None, region: str | None) -> str | None:
    """E.164 (+15550100); None for whatever is no possible number of a known country."""
    try:
        number = phonenumbers.parse(text or "", region.upper() if region else None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def person_mark(person: object) -> str:
    """Spell a person's id for a fingerprint: it changes with the person, and names nobody."""
    return f"{crc32(str(person).encode()):x}" if person else ""
