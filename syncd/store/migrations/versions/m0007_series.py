"""Store the series to which an event belongs as an instance."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns.

    The fingerprint of an instance now contains its series, so each instance is parsed again.
    """
    series = sa.Column("series", sa.String(), nullable=False, server_default="")
    op.add_column("event", series)
    op.add_column("event", sa.Column("original_start", sa.String(27), nullable=True))
