"""The emulated platforms."""
