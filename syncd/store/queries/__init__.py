"""Load and store single facts: what commands show, and what the engine remembers."""
