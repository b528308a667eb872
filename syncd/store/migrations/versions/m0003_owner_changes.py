"""Events that were found at another owner, and the users behind calendars mapped by address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create two tables; what older versions stored about owners stays as it is."""
    op.create_table(
        "calendar_user",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("system", "provider"),
    )
    op.create_table(
        "owner_change",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("proof", sa.String(), nullable=False),
        sa.Column("value", sa.String(80), nullable=False),
        sa.Column("since", sa.String(27), nullable=False),
        sa.Column("asked_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("system", "event", "provider"),
    )
