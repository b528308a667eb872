"""What a cleanup came to, calendar by calendar."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from syncd.core.cleanup import CleanupScope, TaggedBlock
from syncd.engine.left_in_place import LeftInPlace
from syncd.engine.report import RunExit
from syncd.model import Value


@dataclass(slots=True)
class CalendarCleanup:
    """One calendar. Before the removal, ``found`` are the blocks of ours that stand there.

    ``over`` counts those of them that have ended. ``removed`` were removed by this run, ``gone``
    were not there any more, ``left`` still stand. ``proven``: reading showed that none of ours is
    left. ``unsure`` counts those of which the system does not tell whether they are gone. ``why``
    and ``remedy`` say what stood in the way.
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
    unsure: int = 0
    proven: bool = False
    why: str = ""
    remedy: str = ""
    tagged: list[TaggedBlock] = field(default_factory=list)

    def count(self, values: Iterable[Value], now: datetime) -> None:
        """Count what stands there before anything is removed."""
        shown = list(values)
        self.found, self.over = len(shown), sum(v.end <= now for v in shown)
        self.first = min((v.start for v in shown), default=None)
        self.last = max((v.end for v in shown), default=None)

    @property
    def finished(self) -> bool:
        """Return whether nothing of ours is left there for certain."""
        return not (self.left or self.unsure or self.why)

    def to_json(self) -> dict[str, object]:
        """One entry of ``calendars`` in JSON: its keys are stable."""
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
            "unsure": self.unsure,
            "proven": self.proven,
            "why": self.why,
            "remedy": self.remedy,
            "tagged": [tagged_json(each) for each in self.tagged],
        }


@dataclass(slots=True)
class CleanupReport:
    """All calendars of the scope. ``by_tag``: nothing proves what is ours, so tags were read.

    ``paused`` names what gets no block again until it is unpaused. ``left_in_place`` is what syncd
    made besides blocks, and a cleanup does not remove.
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
        """The number of remaining tagged blocks that may be ours: only a person can decide.

        Blocks that are known to be somebody else's do not count.
        """
        tagged = [t for each in self.calendars.values() for t in each.tagged]
        return sum(t.doubt is None or not t.doubt.settled for t in tagged)

    @property
    def exit(self) -> RunExit:
        """How it ended."""
        if self.interrupted or not all(each.finished for each in self.calendars.values()):
            return RunExit.UNANSWERED
        return RunExit.CONFLICTS if self.doubtful and not self.dry_run else RunExit.DONE

    def to_json(self) -> dict[str, object]:
        """The object of `cleanup --json`: its keys are stable."""
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
            "left_in_place": [each.to_json() for each in self.left_in_place],
            "done": self.exit is RunExit.DONE,
        }


def tagged_json(tagged: TaggedBlock) -> dict[str, object]:
    """One entry of ``tagged`` in JSON: its keys are stable."""
    event = tagged.event
    return {
        "event": event.id,
        "start": _instant(event.value.start),
        "end": _instant(event.value.end),
        "doubt": None if tagged.doubt is None else str(tagged.doubt),
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
