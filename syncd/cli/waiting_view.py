"""Waiting writes and a wrong clock, in the words that a person reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from syncd.cli import render
from syncd.core.clock_check import RIGHT, clock_error
from syncd.model import WaitingWrite, WaitReason
from syncd.systems.port import CheckResult

REASONS = {
    WaitReason.SERIES: (
        "it may change the whole series: do it by hand there, or see `series` in the README"
    ),
    WaitReason.NO_ACCESS: (
        "the key may not write there, or is not accepted: grant it the right to write"
    ),
    WaitReason.RATE_LIMITED: "the system takes no more calls for now",
    WaitReason.UNANSWERED: "the system did not answer",
    WaitReason.UNSETTLED: "the outcome of an earlier write there is not known yet",
    WaitReason.NOT_READ: "not all calendars were read in full yet: a later cycle makes it",
    WaitReason.OWNER: "it is not known whose the events there are",
    WaitReason.UNITS: "it is not known how many pieces there are",
    WaitReason.CLOCK: "this machine's clock is wrong: set it",
    WaitReason.GUARD: "withheld by the guard: see `syncd conflicts`",
    WaitReason.FIRST_WRITE: (
        "the first such write to an appointment there is made alone, and compared field by field"
    ),
    WaitReason.DAMAGED: (
        "an earlier write to an appointment there changed more than it was to: see `reported`"
    ),
    WaitReason.PAUSED: "a person has paused it",
    WaitReason.OBSERVE: 'mode = "observe" is set in [syncd]',
}

_REMEDY = "set it: `timedatectl set-ntp true`, or `chronyc makestep`"


def lines(
    waiting: Sequence[Mapping[str, Any]], zone: ZoneInfo, causes: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Sum up waiting writes: a line for each system and reason.

    ``waiting`` are the entries of the JSON; ``causes`` is what is known of a system's trouble.
    """
    for (system, why), each in groupby(sorted(waiting, key=_cause), key=_cause):
        mine = list(each)
        count = render.count(len(mine), "write waits", "writes wait")
        known = (causes or {}).get(system, "")
        reason = REASONS[WaitReason(why)] + (f" (cause: {known})" if known else "")
        yield f"{system}: {count}{_since(mine, zone)}: {reason}{_spread(mine, zone)}"


def waiting_writes_json(write: WaitingWrite) -> dict[str, Any]:
    """One entry of ``waiting`` in JSON, as of `resync --json`, and since when it waits."""
    return {
        "system": write.system,
        "provider": write.provider,
        "event": write.event,
        "action": write.action,
        "why": str(write.why),
        "start": render.instant_json(write.start),
        "end": render.instant_json(write.end),
        "since": render.instant_json(write.since),
    }


def clock_lines(seconds: float) -> Iterator[str]:
    """Say that this machine's clock is wrong, if it is; ``seconds`` is how far it is behind."""
    if seconds:
        yield f"{_clock(seconds)}: nothing is freed or cancelled until it is right; {_REMEDY}"


def clock_findings(skews: Mapping[str, Collection[timedelta]]) -> list[CheckResult]:
    """Make the finding of `syncd check` for a wrong clock; ``skews`` were measured by platform."""
    error = clock_error({name: tuple(each) for name, each in skews.items()})
    if error == RIGHT:
        return []
    message = f"{_clock(error.total_seconds())}: nothing would be freed or cancelled"
    return [CheckResult("warning", "this machine's clock", message, _REMEDY)]


def _clock(seconds: float) -> str:
    side = "behind" if seconds > 0 else "ahead of"
    return f"this machine's clock is {_amount(abs(seconds))} {side} at least two platforms"


def _amount(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _cause(entry: Mapping[str, Any]) -> tuple[str, str]:
    return entry["system"], entry["why"]


def _since(entries: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> str:
    known = [entry["since"] for entry in entries if entry.get("since")]
    return f" since {_moment(min(known), zone)}" if known else ""


def _spread(entries: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> str:
    starts = sorted(entry["start"] for entry in entries if entry.get("start"))
    if not starts:
        return ""
    first, last = _moment(starts[0], zone), _moment(starts[-1], zone)
    return f"; for {first}" if first == last else f"; the first for {first}, the last for {last}"


def _moment(instant: str, zone: ZoneInfo) -> str:
    return render.moment(datetime.fromisoformat(instant), zone)
