"""Decide what the other appointments of a booking must show, and what may be written now."""
