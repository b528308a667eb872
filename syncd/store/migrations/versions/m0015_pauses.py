"""Pauses, and the writes that a pause or observe mode held back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create two empty tables: nothing was paused yet."""
    op.create_table(
        "pause",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("since", sa.String(27), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("system", "provider"),
    )
    op.create_table(
        "held_back",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("since", sa.String(27), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=True),
        sa.Column("before", sa.String(80), nullable=True),
        sa.Column("after", sa.String(80), nullable=True),
        sa.Column("bookings", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("seen_at", sa.String(27), nullable=False),
        sa.Column("ended_at", sa.String(27), nullable=True),
        sa.PrimaryKeyConstraint("name", "since"),
    )
    op.create_index("held_back_ended", "held_back", ["ended_at"])
