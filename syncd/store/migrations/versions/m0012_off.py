"""Store when an event was created, and when it was cancelled or deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty: stored events were decided on long ago, so no time is needed."""
    for name in ("created_at", "off_at", "off_seen_at"):
        op.add_column("event", sa.Column(name, sa.String(27), nullable=True))
    op.create_index("event_person", "event", ["system", "person"])
