"""Pure decisions: no clock, no database, no HTTP. Start at `reconcile`."""
