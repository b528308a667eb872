"""Decide what becomes of one tracked event when it is seen, missed, written or rejected."""
