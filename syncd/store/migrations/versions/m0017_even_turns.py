"""Each provider is read once per round, so the number of reads of a provider is not stored."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the column. The daemon replaces the table at its next report."""
    op.drop_column("rota", "reads")
