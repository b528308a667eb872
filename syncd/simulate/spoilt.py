"""Rows that a platform shows with odd times, or with text cut in mid-character."""

from __future__ import annotations

from syncd.sandbox.faults import Fault, FaultKind, Faults
from syncd.simulate.story import Step, What


def spoil_rows(faults: Faults, step: Step) -> str:
    """Let some reads show an odd time, or all reads from now on half an emoji in each text."""
    if step.what is What.CUT_TEXT:
        kind, times = FaultKind.HALF_EMOJI, None
        spelling = ("", "bytes", "nul")[step.slot % 3]
    else:
        kind, times = FaultKind.ODD_TIME, 1 + step.number % 40
        spelling = ("", "updated")[step.slot % 2]
    faults.add(Fault(kind, times=times, spelling=spelling))
    return f"{kind} {spelling} in {times or 'all'} reads"
