"""What all tables have in common."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlmodel import SQLModel


class TableBase(SQLModel):
    """Our own metadata, so that another user of SQLModel in the process does not meet ours."""

    metadata = MetaData()
    model_config = {"arbitrary_types_allowed": True}
