"""Emulators of the three platforms over real HTTP, for the demo, the tests and adapter authors.

They know the notes of docs/platforms and nothing of the adapters, or they would agree with their
mistakes.
"""

from syncd.sandbox.faults import Fault, FaultKind, Faults

__all__ = ["Fault", "FaultKind", "Faults"]
