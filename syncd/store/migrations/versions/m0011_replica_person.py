"""Store the customer of each replica when the customers of its meeting were last compared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count the customer that each twin now names as compared.

    Twins were linked because they name the same customer.
    """
    op.add_column("replica", sa.Column("person", sa.String(), nullable=True))
    op.execute(
        "UPDATE replica SET person = (SELECT event.person FROM event "
        "WHERE event.system = replica.system AND event.id = replica.event) "
        "WHERE role IN ('origin', 'twin')"
    )
