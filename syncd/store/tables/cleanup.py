"""The table of the last configuration of systems and calendars."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Field

from syncd.store.tables.base import TableBase
from syncd.store.tables.types import Instant, JsonText


class LastSettingsRow(TableBase, table=True):
    """The last configuration of a system or, with a provider, of its calendar; without secrets."""

    __tablename__ = "last_settings"
    system: str = Field(primary_key=True)
    provider: str = Field(primary_key=True)
    said: Any = Field(sa_type=JsonText)
    at: datetime = Field(sa_type=Instant)
