"""The events that `syncd probe` makes to measure a platform on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create an empty table: nothing was probed yet."""
    op.create_table(
        "canary",
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("starts", sa.String(27), nullable=False),
        sa.Column("ends", sa.String(27), nullable=False),
        sa.Column("made_at", sa.String(27), nullable=False),
        sa.Column("event", sa.String(), nullable=True),
        sa.Column("ended_at", sa.String(27), nullable=True),
        sa.PrimaryKeyConstraint("tag"),
    )
