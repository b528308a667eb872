"""Ownership by id (docs/design.md#ownership): an event is ours if a journal row proves the create.

Before, every record with a known tag counted as ours. Records without a known create are released:
the next read tells whether such a record is a copy, an orphan or a customer's appointment.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_CREATED = """
    SELECT 1 FROM intent
    WHERE intent.action = 'create-block' AND intent.state = 'done'
      AND intent.system = event.system AND intent.event = event.id
"""


def upgrade() -> None:
    """Add indexes for ids and tags, and release events without proof.

    Everything is read again.
    """
    op.create_index("event_key", "event", ["key"], unique=False)
    op.create_index("intent_event", "intent", ["system", "event"], unique=False)
    op.execute(
        f"""
        DELETE FROM replica
        WHERE role IN ('block', 'released') AND EXISTS (
            SELECT 1 FROM event
            WHERE event.system = replica.system AND event.id = replica.event
              AND event.mine AND NOT EXISTS ({_CREATED})
        )
        """  # noqa: S608 - a constant
    )
    # Of what stands nothing is accepted yet: it is news. What is gone stays history.
    op.execute(
        f"""
        UPDATE event SET
            base = CASE WHEN observed IS NULL THEN base END,
            written = NULL, written_at = NULL, former = NULL, missing = 0,
            ended = CASE WHEN observed IS NULL THEN ended ELSE {_FALSE} END,
            mine = {_FALSE}
        WHERE event.mine AND NOT EXISTS ({_CREATED})
        """  # noqa: S608 - a constant
    )
    # What a row is was spelt less exactly: whether a block has a customer now is read anew.
    op.execute("UPDATE event SET fingerprint = ''")


_FALSE = "(1 = 0)"
"""False on SQLite and on PostgreSQL."""
