"""Report what a run read, wrote and left, and store it."""
