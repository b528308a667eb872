"""Delete what is too old, or what must be forgotten."""
