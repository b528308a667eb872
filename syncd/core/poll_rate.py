"""How often the windows can be read, given what the accounts allow.

Reading may plan for half of a rate: the other half is for writes and for other programs that share
the account. Of a day's calls, what is left is spread over what is left of the day, less the share
that only writes may use. What does not fit stretches the far interval first, and the near one only
when that was not enough: what is soon matters most, and the night reads everything anyway.

Each system has a pace of its own: what one account cannot bear slows down the reads of that system,
and of no other (promise 8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

READ_SHARE = 0.5
"""Of a platform's rate, what polling may plan for."""
DAY_SHARE = 0.9
"""Of the calls left today, what polling may plan for."""
STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
"""How far an interval is stretched. In steps, so that a plan does not change with every call."""
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class CallDemand:
    """The calls that reading each window of one system takes, and what its account allows.

    ``limits`` are (calls, seconds), a day's among them. ``left_today`` and ``resets_in`` (seconds)
    are the platform's count for today; None if it never said.
    """

    system: str
    near: int
    far: int
    limits: Sequence[tuple[int, float]] = ()
    left_today: int | None = None
    resets_in: float | None = None

    @property
    def allowed(self) -> float | None:
        """Calls a minute that the platform allows, by its narrowest limit."""
        return min((calls * 60 / seconds for calls, seconds in self.limits), default=None)

    @property
    def day(self) -> int | None:
        """The platform's limit for a day, if it has one."""
        return next((calls for calls, s in self.limits if s >= _DAY.total_seconds()), None)

    @property
    def bearable(self) -> float | None:
        """Calls a minute that polling may plan for now; None where nothing is known."""
        rates = [] if self.allowed is None else [self.allowed * READ_SHARE]
        if self.left_today is not None:
            rest = self.resets_in or _DAY.total_seconds()
            rates.append(self.left_today * DAY_SHARE * 60 / max(rest, 60.0))
        return min(rates, default=None)


@dataclass(frozen=True, slots=True)
class PollInterval:
    """How often the windows of one system are read; ``tight``: more would be too much for it.

    ``fits`` is false when even the longest intervals are too much: then its budget holds its reads
    back one by one.
    """

    near: timedelta
    far: timedelta
    tight: bool = False
    fits: bool = True


@dataclass(frozen=True, slots=True)
class PollIntervals:
    """How often polls take place: as often as the system with the shortest intervals needs them.

    The whole window is read in ``slices``, one in each turn (see `core.poll_schedule`). A poll
    leaves out the systems whose own pace is slower until it is their time.
    """

    near: timedelta
    far: timedelta
    systems: Mapping[str, PollInterval] = field(default_factory=dict)
    slices: int = 1

    @property
    def interval(self) -> timedelta:
        """The time between two slices."""
        return self.far / self.slices

    @property
    def limited(self) -> tuple[str, ...]:
        """The systems that are read less often than configured."""
        return tuple(name for name, pace in self.systems.items() if pace.tight)

    @property
    def longest(self) -> PollInterval:
        """The longest intervals of any system."""
        paces = self.systems.values()
        near = max((pace.near for pace in paces), default=self.near)
        return PollInterval(near, max((pace.far for pace in paces), default=self.far))

    def of(self, system: str) -> PollInterval:
        """The pace of a system; one of which nothing is known is read in every poll."""
        return self.systems.get(system) or PollInterval(self.near, self.far)


def per_minute(need: CallDemand, near: timedelta, far: timedelta) -> float:
    """Calls a minute that polling takes from a system while nothing changes."""
    return need.near * (_MINUTE / near) + need.far * (_MINUTE / far)


def fit_to_limits(near: timedelta, far: timedelta, needs: Sequence[CallDemand]) -> PollIntervals:
    """Stretch the configured intervals of each system as little as its account demands."""
    systems = {need.system: _pace(near, far, need) for need in needs}
    return PollIntervals(
        min((pace.near for pace in systems.values()), default=near),
        min((pace.far for pace in systems.values()), default=far),
        systems,
    )


def _pace(near: timedelta, far: timedelta, need: CallDemand) -> PollInterval:
    if _fits(need, near, far):
        return PollInterval(near, far)
    tries = [(1.0, step) for step in STEPS] + [(step, STEPS[-1]) for step in STEPS[1:]]
    for near_step, far_step in tries:
        wider = PollInterval(near * near_step, far * far_step, tight=True)
        if _fits(need, wider.near, wider.far):
            return wider
    return PollInterval(near * STEPS[-1], far * STEPS[-1], tight=True, fits=False)


def _fits(need: CallDemand, near: timedelta, far: timedelta) -> bool:
    return need.bearable is None or per_minute(need, near, far) <= need.bearable
