"""The contacts whose bookings are holds: those with the configured e-mail address."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from syncd.systems.leadconnector_v1.calls import Api


class HoldContacts:
    """The ids of the hold contacts, as found by their e-mail address.

    They are looked up once, and again after a hold was booked with a new contact. `look_up` comes
    before the rows of any read are parsed: a hold read as a meeting would be blocked in all
    systems.
    """

    def __init__(self, calls: Api, email: str | None) -> None:
        """Start empty; if ``email`` is None, there are no hold contacts."""
        self._calls = calls
        self._email = email
        self._contacts = frozenset[str]()
        self._complete = email is None
        self._checked = set[str]()

    async def look_up(self) -> frozenset[str]:
        """Return all contacts that have or had the e-mail address. Raises PlatformError."""
        if not self._complete and self._email is not None:
            self._contacts |= set(await self._calls.find_contacts(email=self._email))
            self._complete = True
        return self._contacts

    def doubt(self, contacts: Collection[str]) -> bool:
        """Return true if the next `look_up` must search again, because these contacts are new.

        Used for the contacts of tagged bookings that are not known as hold contacts.
        """
        unchecked = set(contacts) - self._checked - {""}
        self._checked |= unchecked
        self._complete = self._complete and not (unchecked and self._email)
        return not self._complete

    def before_booking(self) -> None:
        """Note that a hold will be booked now, which may create a new contact."""
        self._complete = self._email is None

    def after_booking(self, contact: str) -> None:
        """Note the contact in the response to a booked hold: a known one needs no new search."""
        self._complete = self._complete or contact in self._contacts
