"""Alembic's entry point: migrate on the connection that `store.database.database` passes in."""

from alembic import context

from syncd.store.tables.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
