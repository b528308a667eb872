"""Decide whether these are too many changes at once, and what the guard stops."""
