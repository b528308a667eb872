"""Store since when the absence of a missing event is being proven."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column; restart each count of absence proofs.

    The time of the first proof is unknown for counts that began before.
    """
    op.add_column("event", sa.Column("missing_since", sa.String(27), nullable=True))
    op.execute("UPDATE event SET missing = 0 WHERE missing > 0")
