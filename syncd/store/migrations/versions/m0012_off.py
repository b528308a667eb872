"""An event knows when it was made, and when it was taken off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of what is known already neither time is: it was decided on long ago."""
    for name in ("created_at", "off_at", "off_seen_at"):
        op.add_column("event", sa.Column(name, sa.String(27), nullable=True))
    op.create_index("event_person", "event", ["system", "person"])
