"""Decide which contradictions exist, persist or end, and what a resolution means."""
