"""Decide which events are the same meeting."""
