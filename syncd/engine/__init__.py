"""Run the cycles of syncd around the pure `core`: recover, read, decide, write, confirm.

See docs/design.md#one-cycle.
"""
