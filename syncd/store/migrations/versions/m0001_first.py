"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables in an empty database."""
    op.create_table(
        "allowance",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("planned", sa.Float(), nullable=False),
        sa.Column("near", sa.Float(), nullable=False),
        sa.Column("far", sa.Float(), nullable=False),
        sa.Column("allowed", sa.Float(), nullable=True),
        sa.Column("left_today", sa.Integer(), nullable=True),
        sa.Column("day", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("system"),
    )
    op.create_table(
        "baseline",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("mapping", sa.String(), nullable=False),
        sa.Column("settled_at", sa.String(27), nullable=True),
        sa.PrimaryKeyConstraint("system", "provider"),
    )
    op.create_table(
        "booking",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("agreed", sa.String(80), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.String(27), nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("booking_provider", "booking", ["provider", "retired"], unique=False)
    op.create_table(
        "conflict",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("inputs", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("opened_at", sa.String(27), nullable=False),
        sa.Column("closed_at", sa.String(27), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("conflict_open", "conflict", ["closed_at", "provider"], unique=False)
    op.create_index("conflict_run", "conflict", ["run"], unique=False)
    op.create_table(
        "coverage",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("kinds", sa.String(), nullable=False),
        sa.Column("starts", sa.String(27), nullable=False),
        sa.Column("ends", sa.String(27), nullable=False),
        sa.Column("read_at", sa.String(27), nullable=False),
        sa.Column("first_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("system", "provider", "kinds"),
    )
    op.create_table(
        "event",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("starts", sa.String(27), nullable=True),
        sa.Column("ends", sa.String(27), nullable=True),
        sa.Column("observed", sa.String(80), nullable=True),
        sa.Column("observed_at", sa.String(27), nullable=False),
        sa.Column("base", sa.String(80), nullable=True),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("mine", sa.Boolean(), nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("service", sa.String(), nullable=True),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("updated_at", sa.String(27), nullable=True),
        sa.Column("written", sa.String(80), nullable=True),
        sa.Column("written_at", sa.String(27), nullable=True),
        sa.Column("former", sa.String(80), nullable=True),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("system", "id"),
    )
    op.create_index(
        "event_provider",
        "event",
        ["provider", "retired", "starts", "ends", "system", "id"],
        unique=False,
    )
    op.create_index(
        "event_window",
        "event",
        ["system", "retired", "starts", "ends", "id", "fingerprint"],
        unique=False,
    )
    op.create_table(
        "health",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", sa.String(27), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.String(27), nullable=True),
        sa.Column("retry_at", sa.String(27), nullable=True),
        sa.Column("writing", sa.Boolean(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("system"),
    )
    op.create_table(
        "history",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("booking", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("before", sa.String(80), nullable=True),
        sa.Column("after", sa.String(80), nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("seen_at", sa.String(27), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("history_booking", "history", ["booking"], unique=False)
    op.create_index("history_provider", "history", ["provider"], unique=False)
    op.create_index("history_run", "history", ["run"], unique=False)
    op.create_table(
        "intent",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=True),
        sa.Column("before", sa.String(80), nullable=True),
        sa.Column("after", sa.String(80), nullable=True),
        sa.Column("bookings", sa.Text(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("opened_at", sa.String(27), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("intent_key", "intent", ["key"], unique=False)
    op.create_index("intent_run", "intent", ["run"], unique=False)
    op.create_index("intent_state", "intent", ["state", "provider"], unique=False)
    op.create_table(
        "odd",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("first_at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("system", "event", "reason"),
    )
    op.create_table(
        "rota",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("slice", sa.Integer(), nullable=False),
        sa.Column("reads", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("provider"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("started_at", sa.String(27), nullable=False),
        sa.Column("finished_at", sa.String(27), nullable=True),
        sa.Column("report", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("run_started", "run", ["started_at"], unique=False)
    op.create_table(
        "provisioned",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("sort", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("sent", sa.Text(), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("system", "sort", "name"),
    )
    op.create_table(
        "relation",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("booking", sa.String(), nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.Column("record", sa.String(), nullable=False),
        sa.Column("relation", sa.String(), nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.PrimaryKeyConstraint("system", "booking"),
    )
    op.create_table(
        "replica",
        sa.Column("booking", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["booking"],
            ["booking.id"],
        ),
        sa.PrimaryKeyConstraint("booking", "system", "event"),
    )
    op.create_index("replica_event", "replica", ["system", "event"], unique=False)
    op.create_table(
        "free_time",
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("asked_at", sa.String(27), nullable=False),
        sa.Column("starts", sa.String(27), nullable=False),
        sa.Column("ends", sa.String(27), nullable=False),
        sa.Column("offers", sa.Text(), nullable=False),
        sa.Column("fault", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("system", "provider"),
    )
    op.create_table(
        "exposure",
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("starts", sa.String(27), nullable=False),
        sa.Column("ends", sa.String(27), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("bookings", sa.Text(), nullable=False),
        sa.Column("since", sa.String(27), nullable=False),
        sa.Column("seats", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "system", "starts", "ends"),
    )
    op.create_table(
        "closing",
        sa.Column("booking", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("visible_at", sa.String(27), nullable=False),
        sa.Column("closed_at", sa.String(27), nullable=True),
        sa.PrimaryKeyConstraint("booking", "revision"),
    )
    op.create_index("closing_provider", "closing", ["provider"], unique=False)
    op.create_index("closing_visible", "closing", ["visible_at"], unique=False)
    op.create_table(
        "waiver",
        sa.Column("booking", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["booking"],
            ["booking.id"],
        ),
        sa.PrimaryKeyConstraint("booking", "system"),
    )
