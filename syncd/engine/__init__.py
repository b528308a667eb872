"""The imperative shell around `core`: observe, decide, write, confirm (DESIGN sections 4 to 6)."""
