"""The tables of pauses, and of the writes that they hold back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from syncd.model import Value
from syncd.store.tables.base import TableBase
from syncd.store.tables.types import Instant, JsonText, ValueText


class PauseRow(TableBase, table=True):
    """Calendars that are not written to (`model.pauses.Pause`). An empty name means all."""

    __tablename__ = "pause"
    system: str = Field(primary_key=True)
    provider: str = Field(primary_key=True)
    since: datetime = Field(sa_type=Instant)
    who: str = ""
    reason: str = ""


class HeldBackRow(TableBase, table=True):
    """A write that a pause or observe mode holds back (`model.HeldBack`).

    If the same write is wanted again after the row has ended, a new row is stored.
    """

    __tablename__ = "held_back"
    __table_args__ = (Index("held_back_ended", "ended_at"),)
    name: str = Field(primary_key=True)
    since: datetime = Field(primary_key=True, sa_type=Instant)
    why: str
    action: str
    system: str
    provider: str
    kind: str
    event: str | None = None
    before: Value | None = Field(default=None, sa_type=ValueText)
    after: Value | None = Field(default=None, sa_type=ValueText)
    bookings: Any = Field(sa_type=JsonText)
    reason: str = ""
    seen_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
