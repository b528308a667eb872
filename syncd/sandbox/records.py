"""What every emulated platform shows to tests: its events as plain values, all times UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Appointment:
    """A customer's appointment; a ``deleted`` one is still shown, with its last values."""

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
class Block:
    """Busy time without a customer; owned by a user or a calendar.

    One that lasts ``all_day`` is shown by the day only: it ends as it starts.
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
    """The platform as its users work with it by hand: what the sandbox's control speaks."""

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
        """Enter an appointment; returns its id."""
        ...

    def move(self, id: str, start: datetime, end: datetime, user: str | None = None) -> str:
        """Move an appointment; returns its id, a new one under NEW_ID_ON_MOVE."""
        ...

    def set_status(self, id: str, status: str) -> None:
        """Give an appointment another status."""
        ...

    def cancel(self, id: str) -> None:
        """Cancel an appointment: it stays listed."""
        ...

    def delete(self, id: str) -> None:
        """Delete an appointment."""
        ...

    def undelete(self, id: str) -> None:
        """Restore a deleted appointment as it was."""
        ...

    def block(
        self, user: str, start: datetime, end: datetime, title: str, calendar: str | None = None
    ) -> str:
        """Close somebody's time by hand; returns the block's id."""
        ...

    def move_block(self, id: str, start: datetime, end: datetime) -> None:
        """Move a block by hand."""
        ...

    def remove_block(self, id: str) -> None:
        """Remove a block by hand."""
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
        """Duplicate a block, text and all, at another time and perhaps for another user.

        With a contact and a calendar the duplicate is an appointment. Returns its id.
        """
        ...

    def add_text(self, id: str, text: str) -> None:
        """Paste a text into an appointment, behind what it says."""
        ...

    def rename_user(self, user: str, new: str) -> str:
        """Let a user have another address (LeadSquared) or id; everything of theirs stays."""
        ...

    def merge_users(self, user: str, into: str) -> str:
        """Give everything of a user to another one, and remove the user."""
        ...

    def appointments(self) -> list[Appointment]:
        """All appointments, deleted ones too."""
        ...

    def blocks(self) -> list[Block]:
        """All blocks, deleted ones too."""
        ...

    def changes(self) -> int:
        """How often appointments and blocks changed until now."""
        ...
