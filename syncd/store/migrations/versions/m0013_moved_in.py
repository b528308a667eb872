"""Store which events need a search for their twin, and when a calendar was last read in full."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty.

    No stored event needs a search, and the next full read sets the times.
    """
    op.add_column("event", sa.Column("moved_in_at", sa.String(27), nullable=True))
    for name in ("last_whole_ends", "last_whole_at"):
        op.add_column("coverage", sa.Column(name, sa.String(27), nullable=True))
