"""An event that is missing knows since when that is being proven."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Where proofs were counted before, the time of the first is not known: they begin anew."""
    op.add_column("event", sa.Column("missing_since", sa.String(27), nullable=True))
    op.execute("UPDATE event SET missing = 0 WHERE missing > 0")
