"""Events of an emulated platform as plain values for tests. All times are UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PlatformAppointment:
    """A customer's appointment. A ``deleted`` one is still shown, with its last values."""

    id: str
    calendar: str
    user: str
    start: datetime
    end: datetime
    status: str
    contact: str
    title: str
    updated_at: datetime
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class PlatformBlock:
    """Busy time without a customer, owned by a user or a calendar.

    An ``all_day`` block is shown without times of day: its end equals its start.
    """

    id: str
    user: str
    calendar: str
    start: datetime
    end: datetime
    title: str
    updated_at: datetime
    deleted: bool = False
    all_day: bool = False


class PlatformUi(Protocol):
    """The actions that people take in a platform's web application; the control API calls them."""

    def book(
        self,
        calendar: str,
        user: str,
        start: datetime,
        end: datetime,
        contact: str,
        status: str = "confirmed",
        title: str = "",
    ) -> str:
        """Enter an appointment and return its id."""
        ...

    def move(self, id: str, start: datetime, end: datetime, user: str | None = None) -> str:
        """Move an appointment, or give it to another user (None: same user).

        Return its id, which is new with the fault NEW_ID_ON_MOVE.
        """
        ...

    def set_status(self, id: str, status: str) -> None:
        """Change the status of an appointment."""
        ...

    def cancel(self, id: str) -> None:
        """Cancel an appointment. It stays listed."""
        ...

    def delete(self, id: str) -> None:
        """Delete an appointment."""
        ...

    def undelete(self, id: str) -> None:
        """Restore a deleted appointment."""
        ...

    def block(
        self, user: str, start: datetime, end: datetime, title: str, calendar: str | None = None
    ) -> str:
        """Block time of a user or calendar, and return the block's id."""
        ...

    def move_block(self, id: str, start: datetime, end: datetime) -> None:
        """Move a block."""
        ...

    def remove_block(self, id: str) -> None:
        """Remove a block."""
        ...

    def copy_block(
        self,
        id: str,
        user: str,
        start: datetime,
        end: datetime,
        *,
        calendar: str = "",
        contact: str = "",
    ) -> str:
        """Duplicate a block with its text, at another time and possibly for another user.

        With a contact and a calendar the copy is an appointment. Returns its id.
        """
        ...

    def add_text(self, id: str, text: str) -> None:
        """Append a text to the texts of an appointment."""
        ...

    def rename_user(self, user: str, new: str) -> str:
        """Change a user's e-mail address (LeadSquared) or id (LeadConnector); keep all records."""
        ...

    def merge_users(self, user: str, into: str) -> str:
        """Transfer all records of ``user`` to the user ``into``, and remove ``user``."""
        ...

    def appointments(self) -> list[PlatformAppointment]:
        """Return all appointments, including deleted ones."""
        ...

    def blocks(self) -> list[PlatformBlock]:
        """Return all blocks, including deleted ones."""
        ...

    def changes(self) -> int:
        """Return how often appointments and blocks have changed."""
        ...
