"""Answers seen in public code, described as small fixtures of our own."""
