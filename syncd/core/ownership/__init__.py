"""Decide which events are ours, whose calendar they are in, and what may be removed."""
