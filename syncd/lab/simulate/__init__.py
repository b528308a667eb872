"""The seeded simulator: the whole program on virtual time, with faults, crashes and an oracle."""
