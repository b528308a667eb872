"""Carry out what an operator requests: resolve, undo, acknowledge, pause."""
