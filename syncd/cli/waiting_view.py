"""Text about waiting writes, and about a wrong clock of this machine."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from syncd.cli import render
from syncd.core.health.clock_check import RIGHT, clock_error
from syncd.model import WaitingWrite, WaitReason
from syncd.systems.port import CheckResult

REASONS = {
    WaitReason.SERIES: (
        "the write may change the whole series: make the change by hand, or see `series` in the "
        "README"
    ),
    WaitReason.NO_ACCESS: (
        "the platform rejects the credentials or lets them only read: grant write access"
    ),
    WaitReason.RATE_LIMITED: "the rate limit is reached",
    WaitReason.UNANSWERED: "the system did not respond",
    WaitReason.UNSETTLED: "the outcome of an earlier write is unknown",
    WaitReason.NOT_READ: "not all calendars were read in full yet: a later cycle makes the write",
    WaitReason.OWNER: "the owner of the events in that calendar is unknown",
    WaitReason.UNITS: "the number of units of the equipment is unknown",
    WaitReason.CLOCK: "the clock of this machine is wrong: set it",
    WaitReason.GUARD: "withheld by the guard: see `syncd conflicts`",
    WaitReason.FIRST_WRITE: (
        "syncd makes the first write of this kind to an appointment alone, and compares all "
        "fields afterwards"
    ),
    WaitReason.DAMAGED: (
        "an earlier write to an appointment also changed other fields: see `syncd status`"
    ),
    WaitReason.PAUSED: "the calendar is paused",
    WaitReason.OBSERVE: 'mode = "observe" is set in [syncd]',
}

_REMEDY = "set the clock: `timedatectl set-ntp true`, or `chronyc makestep`"


def waiting_lines(
    waiting: Sequence[Mapping[str, Any]], zone: ZoneInfo, causes: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Summarize waiting writes, with a line per system and reason.

    ``waiting`` are the JSON entries; ``causes`` has the cause of a failure, by system.
    """
    for (system, why), each in groupby(sorted(waiting, key=_group_key), key=_group_key):
        entries = list(each)
        count = render.count(len(entries), "write waits", "writes wait")
        cause = (causes or {}).get(system, "")
        reason = REASONS[WaitReason(why)] + (f" (cause: {cause})" if cause else "")
        yield f"{system}: {count}{_since(entries, zone)}: {reason}{_dates(entries, zone)}"


def waiting_writes_json(write: WaitingWrite) -> dict[str, Any]:
    """Return an entry of ``waiting`` in JSON, with the time since which the write waits."""
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
    """Yield a line if the clock of this machine is wrong.

    ``seconds`` is how far the clock is behind the platforms' clocks.
    """
    if seconds:
        yield (
            f"{_clock(seconds)}: syncd frees and cancels nothing until the clock is right; "
            f"{_REMEDY}"
        )


def clock_findings(skews: Mapping[str, Collection[timedelta]]) -> list[CheckResult]:
    """Return the result of `syncd check` for a wrong clock; ``skews`` are measured per platform."""
    error = clock_error({name: tuple(each) for name, each in skews.items()})
    if error == RIGHT:
        return []
    message = f"{_clock(error.total_seconds())}: syncd would free and cancel nothing"
    return [CheckResult("warning", "this machine's clock", message, _REMEDY)]


def _clock(seconds: float) -> str:
    side = "behind" if seconds > 0 else "ahead of"
    return f"the clock of this machine is {_amount(abs(seconds))} {side} at least two platforms"


def _amount(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _group_key(entry: Mapping[str, Any]) -> tuple[str, str]:
    return entry["system"], entry["why"]


def _since(entries: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> str:
    known = [entry["since"] for entry in entries if entry.get("since")]
    return f" since {_moment(min(known), zone)}" if known else ""


def _dates(entries: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> str:
    starts = sorted(entry["start"] for entry in entries if entry.get("start"))
    if not starts:
        return ""
    first, last = _moment(starts[0], zone), _moment(starts[-1], zone)
    return f"; for {first}" if first == last else f"; the first for {first}, the last for {last}"


def _moment(instant: str, zone: ZoneInfo) -> str:
    return render.moment(datetime.fromisoformat(instant), zone)
