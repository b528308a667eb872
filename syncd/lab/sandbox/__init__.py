"""Emulators of the three platforms over real HTTP, for the demo, the tests and adapter authors.

The emulators are written from the notes in docs/platforms and share no code with the adapters.
Otherwise an error in an adapter would also be in its emulator, and no test would show it.
"""

from syncd.lab.sandbox.faults import Fault, FaultKind, Faults

__all__ = ["Fault", "FaultKind", "Faults"]
