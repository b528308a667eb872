"""Report the result of a cleanup per calendar."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from syncd.core.ownership.cleanup import CleanupScope, TaggedBlock
from syncd.engine.cleanup.left_in_place import LeftInPlace
from syncd.engine.report.run_report import RunExit
from syncd.model import Value


@dataclass(slots=True)
class CalendarCleanup:
    """The result for one calendar.

    - ``found``: the number of our blocks before the removal; ``over`` of these blocks have ended.
    - ``first``, ``last``: the start of the first and the end of the last block found, in UTC.
    - ``removed``: the number of blocks that this run removed.
    - ``gone``: the number of blocks that did not exist any more before their removal.
    - ``left``: the number of blocks that still exist.
    - ``unproven``: the number of blocks of which the system does not say whether they exist.
    - ``proven``: a read showed that no block of ours is left.
    - ``why``, ``remedy``: what prevented the cleanup, and what the operator can do; '' if nothing.
    - ``tagged``: tagged blocks that nothing proves to be ours.
    """

    provider: str
    system: str
    zone: str = "UTC"
    found: int = 0
    over: int = 0
    first: datetime | None = None
    last: datetime | None = None
    removed: int = 0
    gone: int = 0
    left: int = 0
    unproven: int = 0
    proven: bool = False
    why: str = ""
    remedy: str = ""
    tagged: list[TaggedBlock] = field(default_factory=list)

    def count(self, values: Iterable[Value], now: datetime) -> None:
        """Count the existing blocks before anything is removed."""
        counted = list(values)
        self.found, self.over = len(counted), sum(v.end <= now for v in counted)
        self.first = min((v.start for v in counted), default=None)
        self.last = max((v.end for v in counted), default=None)

    @property
    def finished(self) -> bool:
        """Return whether certainly none of our blocks is left."""
        return not (self.left or self.unproven or self.why)

    def to_json(self) -> dict[str, object]:
        """Return one entry of ``calendars`` in JSON; its keys are stable."""
        return {
            "provider": self.provider or None,
            "system": self.system,
            "zone": self.zone,
            "found": self.found,
            "over": self.over,
            "first": _instant(self.first),
            "last": _instant(self.last),
            "removed": self.removed,
            "gone": self.gone,
            "left": self.left,
            "unsure": self.unproven,
            "proven": self.proven,
            "why": self.why,
            "remedy": self.remedy,
            "tagged": [tagged_json(each) for each in self.tagged],
        }


@dataclass(slots=True)
class CleanupReport:
    """The result for all calendars of the scope.

    ``run`` is the id of the run in the history. ``by_tag``: the cleanup searched for tags, because
    nothing proves which blocks are ours or because the operator wanted that. ``paused`` are the ids
    of the pauses that keep blocks from being created again. ``left_in_place`` is what syncd created
    besides blocks and what a cleanup does not remove.
    """

    run: str
    scope: CleanupScope
    calendars: dict[tuple[str, str], CalendarCleanup] = field(default_factory=dict)
    by_tag: bool = False
    dry_run: bool = False
    interrupted: bool = False
    paused: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    left_in_place: list[LeftInPlace] = field(default_factory=list)

    @property
    def doubtful(self) -> int:
        """Return the number of remaining tagged blocks that may be ours; the operator must decide.

        Blocks that are known not to be ours do not count.
        """
        tagged = [t for each in self.calendars.values() for t in each.tagged]
        return sum(t.doubt is None or not t.doubt.settled for t in tagged)

    @property
    def exit(self) -> RunExit:
        """Return the exit state of the run."""
        if self.interrupted or not all(each.finished for each in self.calendars.values()):
            return RunExit.UNANSWERED
        return RunExit.CONFLICTS if self.doubtful and not self.dry_run else RunExit.DONE

    def to_json(self) -> dict[str, object]:
        """Return the object of `cleanup --json`; its keys are stable."""
        return {
            "run": self.run,
            "system": self.scope.system or None,
            "provider": self.scope.provider or None,
            "dry_run": self.dry_run,
            "by_tag": self.by_tag,
            "calendars": [each.to_json() for _, each in sorted(self.calendars.items())],
            "removed": sum(each.removed for each in self.calendars.values()),
            "paused": self.paused,
            "remarks": self.remarks,
            "stays": [each.to_json() for each in self.left_in_place],
            "done": self.exit is RunExit.DONE,
        }


def tagged_json(tagged: TaggedBlock) -> dict[str, object]:
    """Return one entry of ``tagged`` in JSON; its keys are stable."""
    event = tagged.event
    return {
        "event": event.id,
        "start": _instant(event.value.start),
        "end": _instant(event.value.end),
        "doubt": None if tagged.doubt is None else str(tagged.doubt),
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
