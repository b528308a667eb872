"""Open, check and migrate the database file, and run transactions in it."""
