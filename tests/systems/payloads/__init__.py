"""Answers as public code, tests and documentation show them, described anew with invented data."""
