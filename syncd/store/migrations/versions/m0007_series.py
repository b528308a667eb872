"""An event knows the series of which it is an instance."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns; the fingerprint of an instance names its series, so that it is read anew."""
    series = sa.Column("series", sa.String(), nullable=False, server_default="")
    op.add_column("event", series)
    op.add_column("event", sa.Column("original_start", sa.String(27), nullable=True))
