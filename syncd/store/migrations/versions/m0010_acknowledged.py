"""Reported items and double bookings that an operator has acknowledged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create an empty table: nothing was acknowledged before."""
    op.create_table(
        "acknowledged",
        sa.Column("subject", sa.String(), primary_key=True),
        sa.Column("inputs", sa.String(), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
    )
