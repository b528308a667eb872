"""The imperative shell around `core`: observe, decide, write, confirm.

See docs/design.md#one-cycle.
"""
