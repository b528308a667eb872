"""The protocol of `syncd probe`, which measures the uncertain facts of an account.

A probe creates one event of its own, the canary, and observes how the platform lists, moves and
deletes it. The adapter provides the steps: it knows the calls and the meaning of the responses. The
engine runs the steps: it stores the canary, counts the calls and stores the results
(docs/design.md#measured-facts).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from syncd.model import find_tag
from syncd.model.platform_facts import NO, YES
from syncd.systems.lenient import text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from syncd.model import Clock
    from syncd.model.canary import Canary

CANARY_TITLE = "syncd probe"
"""The visible title of a canary; its tag follows."""

CANARY_LENGTH = timedelta(minutes=15)
CANARY_HOURS = (3, 2, 4, 1, 5, 0, 23, 22)
"""Hours at which a canary may be created, in the provider's time zone, best first; at five past."""

CANARY_ROOM = timedelta(hours=1)
"""The free time that a canary needs: a step may make the canary longer."""

LIST_TIMES = ((0.0, "0"), (6.0, "5"), (21.0, "20"))
"""Seconds from creation to a read of a list, and the lag (seconds) if it shows the canary."""

LONGEST_LAG = 31.0
"""Seconds to wait until lists show a write while no lag was measured."""


class NotMeasuredError(Exception):
    """A step ended without a result.

    ``failed``: a result was expected, so the operator should look at the reason. Otherwise the
    account has nothing to measure the fact with, such as no group of calendars.
    """

    def __init__(self, reason: str, *, failed: bool = True) -> None:
        """Keep the reason, a few words that are shown to the operator."""
        super().__init__(reason)
        self.reason, self.failed = reason, failed


class CanaryRefusedError(NotMeasuredError):
    """The platform refused to create the canary.

    ``facts`` are the measured facts, by name, that the refusal proves.
    """

    def __init__(self, reason: str, facts: Mapping[str, str]) -> None:
        """Keep the reason and the facts. Without facts the step counts as failed."""
        super().__init__(reason, failed=not facts)
        self.facts = facts


class StepTime(Enum):
    """When a step runs: before the canary is created, while it exists, or after its removal."""

    BEFORE = auto()
    WITH = auto()
    AFTER = auto()


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One step of a probe, which measures ``facts`` (names) with at most ``calls`` calls.

    ``label`` is shown to the operator. ``run`` returns the measured values by fact name; it raises
    NotMeasuredError or PlatformError. ``when`` says at what time the step runs. ``per_calendar``:
    the step makes one call for each calendar, so its calls do not count against the limit of the
    probe but against a limit of two calls for each calendar.
    """

    label: str
    facts: tuple[str, ...]
    calls: int
    run: Callable[[], Awaitable[Mapping[str, str]]]
    when: StepTime = StepTime.WITH
    per_calendar: bool = False


@dataclass(slots=True)
class ProbeContext:
    """The state that the steps of one probe share.

    - ``canary``: the stored canary.
    - ``zone``: the provider's time zone (IANA name).
    - ``move``: stores the new start and end of the canary; called before the canary is moved.
    - ``is_free``: returns whether the provider has no event in any system between two times.
    - ``pause``: waits for some seconds; raises StoppingError when the probe must end.
    - ``made``: when the canary was created (monotonic seconds).
    - ``found``: the facts measured so far, by name.
    """

    canary: Canary
    clock: Clock
    zone: str
    move: Callable[[datetime, datetime], None]
    is_free: Callable[[datetime, datetime], bool]
    pause: Callable[[float], Awaitable[None]]
    made: float = 0.0
    found: dict[str, str] = field(default_factory=dict)

    @property
    def event(self) -> str:
        """The canary's id on the platform; '' before it is created."""
        return self.canary.event or ""

    @property
    def lag(self) -> float:
        """How long to wait after a write until lists show it, in seconds.

        This is one second more than the lag measured in this probe, 0 if that lag was zero, and
        `LONGEST_LAG` while no lag was measured.
        """
        known = self.found.get("list_lag")
        return float(known) + 1 if known not in {None, "0"} else 0.0 if known else LONGEST_LAG

    async def appears(self, seen: Callable[[], Awaitable[bool]]) -> str | None:
        """Wait until a list shows the canary; return the measured lag in seconds, as text.

        ``seen`` reads the list once and returns whether it shows the canary. The list is read at
        the times `LIST_TIMES` after the creation. Returns None if the last of these reads does not
        show the canary.
        """
        for after, lag in LIST_TIMES:
            await self.pause(self.made + after - self.clock.monotonic())
            if await seen():
                return lag
        return None

    def keeps_tag(self, *texts: object) -> dict[str, str]:
        """Return the fact `keeps_tag`: whether the canary as read still has its syncd tag.

        ``texts`` are the text fields of the canary as read. Raises NotMeasuredError if all are
        empty.
        """
        if not any(text(each) for each in texts):
            raise NotMeasuredError("the platform shows the canary without any text")
        return {"keeps_tag": YES if find_tag(*texts) == self.canary.tag else NO}


class Prober(Protocol):
    """Measures the uncertain facts of one account, and creates and removes the canary."""

    platform: str
    canary_name: str
    """The platform's word for the canary: task, block or appointment."""
    removes_later: bool
    """Whether a removal is only queued."""
    hours: Sequence[int]
    """Hours at which the canary may be created, in the provider's time zone, best first."""

    def slot_calendars(self, provider: str) -> int | None:
        """Return how many calendars the probe reads for free slots; None while that is unknown."""
        ...

    async def create(self, canary: Canary) -> str:
        """Create the canary; return its id on the platform.

        Raises CanaryRefusedError or PlatformError.
        """
        ...

    async def exists(self, canary: Canary) -> bool | None:
        """Look up the canary by its id: True, False, or None if the response proves neither.

        Raises PlatformError.
        """
        ...

    async def remove(self, canary: Canary) -> None:
        """Delete the canary by its id; succeed if it is already gone. Raises PlatformError."""
        ...

    async def steps(self, context: ProbeContext) -> Sequence[ProbeStep]:
        """Return the steps in the order in which they run. Raises PlatformError."""
        ...
