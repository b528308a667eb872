"""The last configuration of systems and calendars, so that removed ones can still be cleaned up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create an empty table: the next start with a configuration fills it."""
    op.create_table(
        "last_settings",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("system", "provider"),
    )
