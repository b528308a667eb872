"""Reported records and lists have a topic, a beginning and an end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the table `odd` by an empty one, because its rows never ended.

    The next read reports every item that still exists.
    """
    op.drop_table("odd")
    op.create_table(
        "reported",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("calendars", sa.Text(), nullable=False),
        sa.Column("back", sa.Integer(), nullable=False),
        sa.Column("ahead", sa.Integer(), nullable=False),
        sa.Column("since", sa.String(27), nullable=False),
        sa.Column("seen_at", sa.String(27), nullable=False),
        sa.Column("ended_at", sa.String(27), nullable=True),
        sa.PrimaryKeyConstraint("system", "topic", "event"),
    )
