"""Alembic migrations. They run automatically when a state is opened for writing."""
