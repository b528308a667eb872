"""Copy and restore the state, and keep the ids that syncd created beside it."""
