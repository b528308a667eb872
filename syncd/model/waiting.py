"""Writes that are wanted and cannot be made now, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from syncd.model.words import Operation


class WaitReason(StrEnum):
    """Why a write waits.

    SERIES: it is not known that a write to an instance of a series touches that instance only.
    """

    SERIES = "series"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One write that waits. What it would change stays closed before and after."""

    operation: Operation
    why: WaitReason
