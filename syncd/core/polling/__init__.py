"""Compute how often, and in which parts, the windows can be read within the rate limits."""
