"""Decide which blocks each calendar should have, and which fewest writes make it so."""
