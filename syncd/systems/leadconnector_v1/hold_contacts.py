"""Whose bookings are holds: the contacts with the configured address."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from syncd.systems.leadconnector_v1.calls import Api


class HoldContacts:
    """The ids of these contacts. Asked for once, and again after a hold for one that is new.

    A hold read as a meeting would be blocked everywhere, so `look_up` comes before any row is
    judged.
    """

    def __init__(self, calls: Api, email: str | None) -> None:
        """Start knowing nothing; without an address there is nothing to know."""
        self._calls = calls
        self._email = email
        self._known = frozenset[str]()
        self._certain = email is None
        self._asked = set[str]()

    async def look_up(self) -> frozenset[str]:
        """All contacts that ever had the address. Raises PlatformError."""
        if not self._certain and self._email is not None:
            self._known |= set(await self._calls.find_contacts(email=self._email))
            self._certain = True
        return self._known

    def doubt(self, contacts: Collection[str]) -> bool:
        """Have the address looked up again for contacts that were not asked about yet."""
        strangers = set(contacts) - self._asked - {""}
        self._asked |= strangers
        self._certain = self._certain and not (strangers and self._email)
        return not self._certain

    def before_booking(self) -> None:
        """A hold is about to be booked, which may make its contact whatever is answered."""
        self._certain = self._email is None

    def after_booking(self, contact: str) -> None:
        """A hold was booked for this contact, as the answer says."""
        self._certain = self._certain or contact in self._known
