"""Measure platform facts with a canary block."""
