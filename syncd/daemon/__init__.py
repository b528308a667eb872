"""The service: one writer per state, jobs on a schedule, a socket beside the database."""
