"""What the configuration says of one LeadSquared account, and of one provider's calendar in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from syncd.model import Status

REMEDY = (
    'switch "Allow Conflicts" off for the appointment type {type!r} in LeadSquared: while it is '
    "on, its appointments close nothing"
)
"""Against a time that is offered although a block stands (docs/platforms/leadsquared.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One LeadSquared account: its regional host and the key pair of a service user.

    ``busy_task_type`` is the appointment type that means busy time
    (docs/platforms/leadsquared.md#busy-tasks). ``cancel_as`` says what a cancellation becomes:
    ``hold`` leaves it to a person, ``complete`` marks the appointment complete, ``cancel`` sends it
    to the bulk cancel at ``cancel_path``, whose address no document tells
    (docs/platforms/leadsquared.md#completing-and-cancelling). ``title`` is what a block shows.
    ``key_field`` is the custom field (``mx_Custom_1``) that also carries syncd's key, if any.
    ``calls_per_5s`` is what the plan allows; by default less than most do
    (docs/platforms/leadsquared.md#rate-limits). ``statuses`` are status words and codes of the
    account's own.
    """

    base_url: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    busy_task_type: str = "Busy"
    cancel_as: Literal["hold", "complete", "cancel"] = "hold"
    cancel_path: str | None = None
    title: str = "Busy"
    key_field: str | None = None
    calls_per_5s: int = 8
    statuses: Mapping[str, Status] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CalendarMapping:
    """Where one provider's time is kept: a user, named by e-mail address."""

    user: str

    @property
    def address(self) -> str:
        """The user's address in the form that compares."""
        return self.user.strip().casefold()
