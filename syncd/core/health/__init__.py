"""Decide when a failing system is called again, and whether this machine's clock is right."""
