"""The settings of one LeadSquared account, and of a provider's calendar in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from syncd.model import Status

REMEDY = (
    'switch "Allow Conflicts" off for the appointment type {type!r} in LeadSquared: while it is '
    "on, its appointments do not block their time"
)
"""Remedy for a time that is offered although it is blocked (docs/platforms/leadsquared.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One LeadSquared account: its regional host and the key pair of a service user.

    - ``busy_task_type``: the appointment type of blocks (docs/platforms/leadsquared.md#busy-tasks).
    - ``cancel_as``: how syncd cancels an appointment. ``hold`` leaves it to the operator,
      ``complete`` marks the appointment complete, ``cancel`` calls the bulk cancel at
      ``cancel_path``, a path that is not documented
      (docs/platforms/leadsquared.md#completing-and-cancelling).
    - ``title``: the title of blocks.
    - ``key_field``: a custom field (``mx_Custom_1``) that also stores the tag, if any.
    - ``calls_per_5s``: the rate limit of the plan; the default is less than most plans allow
      (docs/platforms/leadsquared.md#rate-limits).
    - ``statuses``: maps the account's own status words and codes.
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
    """The calendar of one provider: a user, named by e-mail address."""

    user: str

    @property
    def address(self) -> str:
        """The user's e-mail address in lower case, for comparison."""
        return self.user.strip().casefold()
