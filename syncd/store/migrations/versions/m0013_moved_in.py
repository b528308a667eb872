"""Store which events need a search for their twin, and when a calendar was last read in full."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is to be looked for of what is known, and the next whole read sets the times."""
    op.add_column("event", sa.Column("moved_in_at", sa.String(27), nullable=True))
    for name in ("last_whole_ends", "last_whole_at"):
        op.add_column("coverage", sa.Column(name, sa.String(27), nullable=True))
