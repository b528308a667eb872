"""Pure decisions: no clock, no database, no HTTP. Start reading at `reconcile`."""
