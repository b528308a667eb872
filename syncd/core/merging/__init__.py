"""Decide on the agreed value of one booking, by the rule that applies."""
