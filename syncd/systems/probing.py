"""The steps of `syncd probe`, which measures the uncertain facts of an account.

An adapter provides the steps: it knows the calls and the meaning of their answers. The engine runs
them: it keeps the canary's journal, counts the calls and stores the results
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
"""Hours at which a canary may be made, in the provider's zone, best first; at five past."""

CANARY_ROOM = timedelta(hours=1)
"""The free time that a canary needs: steps may make it longer."""

LIST_TIMES = ((0.0, "0"), (6.0, "5"), (21.0, "20"))
"""Seconds after a create at which a list is read, and the lag (seconds) if it shows the canary."""

LONGEST_LAG = 31.0
"""Seconds to wait for a list whose lag was not measured."""


class NotMeasuredError(Exception):
    """A step has no result. ``failed``: a result was expected, so a person may want to look."""

    def __init__(self, reason: str, *, failed: bool = True) -> None:
        """Keep the reason, in a few words."""
        super().__init__(reason)
        self.reason, self.failed = reason, failed


class CanaryRefusedError(NotMeasuredError):
    """The platform refuses the canary itself; ``facts`` are the facts that this proves."""

    def __init__(self, reason: str, facts: Mapping[str, str]) -> None:
        """Keep the reason and the facts."""
        super().__init__(reason, failed=not facts)
        self.facts = facts


class StepTime(Enum):
    """The time of a step: before the canary is made, while it exists, after it was removed."""

    BEFORE = auto()
    WITH = auto()
    AFTER = auto()


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One step: it makes at most ``calls`` calls and measures ``facts``.

    ``label`` is shown to people. ``run`` raises NotMeasuredError or PlatformError. The calls of a
    step ``per_calendar`` have a separate limit, of two for each calendar.
    """

    label: str
    facts: tuple[str, ...]
    calls: int
    run: Callable[[], Awaitable[Mapping[str, str]]]
    when: StepTime = StepTime.WITH
    per_calendar: bool = False


@dataclass(slots=True)
class ProbeContext:
    """The state that the steps of one system share.

    ``canary`` is the stored canary; ``move`` stores the times to which it is about to be moved.
    ``is_free`` returns whether the provider has nothing between two times, in any system. ``pause``
    waits for some seconds, and raises StoppingError when the probe must end. ``made`` is when the
    canary was made (monotonic seconds). ``found`` are the facts measured so far. ``zone`` is the
    provider's.
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
        """The canary's id."""
        return self.canary.event or ""

    @property
    def lag(self) -> float:
        """Seconds after which lists show a write."""
        known = self.found.get("list_lag")
        return float(known) + 1 if known not in {None, "0"} else 0.0 if known else LONGEST_LAG

    async def appears(self, seen: Callable[[], Awaitable[bool]]) -> str | None:
        """Read a list until it shows the canary; return the lag in seconds, or None."""
        for after, lag in LIST_TIMES:
            await self.pause(self.made + after - self.clock.monotonic())
            if await seen():
                return lag
        return None

    def keeps_tag(self, *texts: object) -> dict[str, str]:
        """Return the fact `keeps_tag`, given the texts of the canary as read."""
        if not any(text(each) for each in texts):
            raise NotMeasuredError("the canary is shown without any text")
        return {"keeps_tag": YES if find_tag(*texts) == self.canary.tag else NO}


class Prober(Protocol):
    """Measures the uncertain facts of one account."""

    platform: str
    canary_name: str
    """The platform's word for the canary: task, block or appointment."""
    removes_later: bool
    """Whether a removal is only queued."""
    hours: Sequence[int]
    """Hours at which the canary may be made, in the provider's zone, best first."""

    def slot_calendars(self, provider: str) -> int | None:
        """Return how many calendars are read for free slots; None if not known yet."""
        ...

    async def create(self, canary: Canary) -> str:
        """Make the canary; return its id. Raises CanaryRefusedError, PlatformError."""
        ...

    async def exists(self, canary: Canary) -> bool | None:
        """Return whether the canary exists, by its id; None if unclear. Raises PlatformError."""
        ...

    async def remove(self, canary: Canary) -> None:
        """Remove the canary by its id, also if it is gone already. Raises PlatformError."""
        ...

    async def steps(self, context: ProbeContext) -> Sequence[ProbeStep]:
        """Return the steps, in order. Raises PlatformError."""
        ...
