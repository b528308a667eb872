"""Alembic migrations: they run by themselves when the state is opened for writing."""
