"""From nothing to a working mapping: who is who, what to write down, what must be there."""
