"""The base class of all tables."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlmodel import SQLModel


class TableBase(SQLModel):
    """Base class with its own metadata, separate from other users of SQLModel in the process."""

    metadata = MetaData()
    model_config = {"arbitrary_types_allowed": True}
