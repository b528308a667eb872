"""Store which revision of a booking last changed the status."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the latest revision counts as a status change, since one may be unwritten."""
    column = sa.Column("status_revision", sa.Integer(), nullable=False, server_default="0")
    op.add_column("booking", column)
    op.execute("UPDATE booking SET status_revision = revision")
