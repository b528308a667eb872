"""Rows that a platform shows with odd times, or with text cut in mid-character."""

from __future__ import annotations

from datetime import datetime, timedelta

from syncd.lab.sandbox.faults import Fault, FaultKind, Faults
from syncd.lab.simulate.scenario import EventKind, SimEvent

_CREATES = r"/Task\.svc/Create|/calendars/events/block-slots|/appointments/$"
"""The calls that create blocks."""


def start_fault(faults: Faults, step: SimEvent, now: datetime) -> None:
    """Switch on the fault of a step."""
    skewed = step.fault == FaultKind.CLOCK_SKEW
    only_creates = step.fault in {FaultKind.ODD_ANSWER, FaultKind.SLOW} and step.slot
    faults.add(
        Fault(
            FaultKind(step.fault),
            path=_CREATES if only_creates else "",
            method="POST" if only_creates else "",
            times=None if skewed else step.times,
            until=now + timedelta(seconds=60.0 * step.times) if skewed else None,
            seconds=step.seconds,
            spelling=step.spelling,
        )
    )


def spoil_rows(faults: Faults, step: SimEvent) -> str:
    """Show an odd time in some reads, or half an emoji in each text from now on."""
    if step.kind is EventKind.CUT_TEXT:
        kind, times = FaultKind.HALF_EMOJI, None
        spelling = ("", "bytes", "nul")[step.slot % 3]
    else:
        kind, times = FaultKind.ODD_TIME, 1 + step.number % 40
        spelling = ("", "updated")[step.slot % 2]
    faults.add(Fault(kind, times=times, spelling=spelling))
    return f"{kind} {spelling} in {times or 'all'} reads"
