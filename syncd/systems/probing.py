"""What `syncd probe` measures in an account, as steps that an adapter names and an engine takes.

An adapter knows the calls and what their answers mean; whoever takes the steps keeps the canary's
journal, counts the calls and stores what was found (docs/design.md#measured-facts).
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

TITLE = "syncd probe"
"""What people see of a canary while it stands; its tag follows."""

LENGTH = timedelta(minutes=15)
HOURS = (3, 2, 4, 1, 5, 0, 23, 22)
"""When a canary may stand on the clock of its provider, five minutes after the hour: at night."""

ROOM = timedelta(hours=1)
"""A canary lasts for the one, and may be made longer within the other."""

APPEARS = ((0.0, "0"), (6.0, "5"), (21.0, "20"))
"""When a list is read after a create (seconds), and the lag that is then at most the case."""

LONGEST_LAG = 31.0
"""Seconds that are waited for a list where its lag was not measured."""


class NotMeasuredError(Exception):
    """A step came to no result. ``failed``: it should have, and a person may want to look."""

    def __init__(self, reason: str, *, failed: bool = True) -> None:
        """Say why, in a few words."""
        super().__init__(reason)
        self.reason, self.failed = reason, failed


class CanaryRefusedError(NotMeasuredError):
    """The platform refuses the canary itself; ``facts`` is what that says."""

    def __init__(self, reason: str, facts: Mapping[str, str]) -> None:
        """Keep what was found out all the same."""
        super().__init__(reason, failed=not facts)
        self.facts = facts


class When(Enum):
    """When a step is taken: before the canary is made, while it stands, after it was removed."""

    BEFORE = auto()
    WITH = auto()
    AFTER = auto()


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One step: at most ``calls`` calls, which find ``facts``.

    ``run`` raises NotMeasuredError or PlatformError. The calls of a step ``per_calendar`` have a
    limit of their own, of two for each calendar.
    """

    says: str
    facts: tuple[str, ...]
    calls: int
    run: Callable[[], Awaitable[Mapping[str, str]]]
    when: When = When.WITH
    per_calendar: bool = False


@dataclass(slots=True)
class ProbeContext:
    """What the steps of one system share.

    ``canary`` is as last stored; ``move`` stores where an update is about to put it. ``is_free``
    says whether the provider has nothing between two times, in any system. ``pause`` waits, and
    raises Interrupted when the probe is to end. ``found`` is what was measured so far. ``zone`` is
    the provider's.
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
        """Seconds after which lists show what was written."""
        known = self.found.get("list_lag")
        return float(known) + 1 if known not in {None, "0"} else 0.0 if known else LONGEST_LAG

    async def appears(self, seen: Callable[[], Awaitable[bool]]) -> str | None:
        """Read a list until it shows the canary; return the lag, None if it does not in time."""
        for after, lag in APPEARS:
            await self.pause(self.made + after - self.clock.monotonic())
            if await seen():
                return lag
        return None

    def keeps_tag(self, *texts: object) -> dict[str, str]:
        """Return what the texts of the canary say of its tag."""
        if not any(text(each) for each in texts):
            raise NotMeasuredError("the canary is shown without any text")
        return {"keeps_tag": YES if find_tag(*texts) == self.canary.tag else NO}


class Prober(Protocol):
    """Measures the uncertain facts of one account.

    All but `NotMeasuredError` raise PlatformError.
    """

    platform: str
    makes: str
    """What the canary is called there."""
    removes_later: bool
    """Whether a removal is only queued."""
    hours: Sequence[int]
    """At which hours of the night the canary may be made, the best first."""

    def slot_calendars(self, provider: str) -> int | None:
        """Return how many calendars are asked for free slots; None until they are known."""
        ...

    async def create(self, canary: Canary) -> str:
        """Make the canary; return its id. Raises CanaryRefusedError, PlatformError."""
        ...

    async def exists(self, canary: Canary) -> bool | None:
        """Look for it by its id; None where the answer does not tell. Raises PlatformError."""
        ...

    async def remove(self, canary: Canary) -> None:
        """Remove it by its id, also if it is gone already. Raises PlatformError."""
        ...

    async def steps(self, bench: ProbeContext) -> Sequence[ProbeStep]:
        """Return the steps, in order. Raises PlatformError."""
        ...
