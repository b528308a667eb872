"""The seeded simulator: the whole program on virtual time, faults, crashes, and an oracle."""
