"""Decide how often the windows can be read within the rate limits of the accounts.

Reads may use half of a platform's rate; the other half is for writes and for other programs that
share the account. The calls left today are spread over the remaining day, less a share that only
writes may use. If the configured intervals need more calls, the far interval is stretched first,
and the near interval only if that is not enough: the next days matter most, and the nightly read
covers everything.

Each system has its own intervals, so a small account slows down its own reads only: promise 8
(docs/design.md#promises).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

READ_SHARE = 0.5
"""The share of a platform's rate that polling may plan for."""
DAY_SHARE = 0.9
"""The share of today's remaining calls that polling may plan for."""
STRETCH_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)
"""The factors by which an interval is stretched. Steps keep a plan stable between calls."""
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class CallDemand:
    """The calls for one read of each window of one system, and the limits of its account.

    - ``near``, ``far``: the calls for one read of the near window, and of the whole window.
    - ``limits``: (calls, seconds) pairs; a limit per day is one of them.
    - ``left_today``: the calls left today, as the platform reported. ``resets_in``: the seconds
      until that count is reset. None if the platform did not report them.
    """

    system: str
    near: int
    far: int
    limits: Sequence[tuple[int, float]] = ()
    left_today: int | None = None
    resets_in: float | None = None

    @property
    def allowed(self) -> float | None:
        """The calls per minute of the platform's narrowest limit; None without a limit."""
        return min((calls * 60 / seconds for calls, seconds in self.limits), default=None)

    @property
    def day(self) -> int | None:
        """The platform's limit of calls per day; None if it has none."""
        return next((calls for calls, s in self.limits if s >= _DAY.total_seconds()), None)

    @property
    def bearable(self) -> float | None:
        """The calls per minute that polling may plan for now; None if no limit is known."""
        rates = [] if self.allowed is None else [self.allowed * READ_SHARE]
        if self.left_today is not None:
            rest = self.resets_in or _DAY.total_seconds()
            rates.append(self.left_today * DAY_SHARE * 60 / max(rest, 60.0))
        return min(rates, default=None)


@dataclass(frozen=True, slots=True)
class PollInterval:
    """How often the windows of one system are read.

    ``near``, ``far``: the time between reads of the near and of the whole window. ``tight``: these
    are longer than configured, to keep within the system's limits. ``fits``: if false, even the
    longest intervals exceed the limits, and the rate limiter delays single reads.
    """

    near: timedelta
    far: timedelta
    tight: bool = False
    fits: bool = True


@dataclass(frozen=True, slots=True)
class PollIntervals:
    """How often polls take place: as often as the system with the shortest intervals needs.

    ``systems``: the intervals of each system. A poll leaves out the systems with longer intervals
    until these are due. ``slices``: into how many parts a far read is split, one part per turn (see
    `core.polling.slices`).
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
        return tuple(name for name, intervals in self.systems.items() if intervals.tight)

    @property
    def longest(self) -> PollInterval:
        """The longest intervals of any system."""
        all_intervals = self.systems.values()
        near = max((intervals.near for intervals in all_intervals), default=self.near)
        return PollInterval(
            near, max((intervals.far for intervals in all_intervals), default=self.far)
        )

    def of(self, system: str) -> PollInterval:
        """Return the intervals of a system; an unknown system is read in every poll."""
        return self.systems.get(system) or PollInterval(self.near, self.far)


def per_minute(demand: CallDemand, near: timedelta, far: timedelta) -> float:
    """Return the calls per minute that polling makes to a system while nothing changes."""
    return demand.near * (_MINUTE / near) + demand.far * (_MINUTE / far)


def fit_to_limits(near: timedelta, far: timedelta, demands: Sequence[CallDemand]) -> PollIntervals:
    """Stretch the configured intervals of each system as little as its limits require.

    ``near`` and ``far`` are the configured intervals.
    """
    systems = {demand.system: _fit_system(near, far, demand) for demand in demands}
    return PollIntervals(
        min((intervals.near for intervals in systems.values()), default=near),
        min((intervals.far for intervals in systems.values()), default=far),
        systems,
    )


def _fit_system(near: timedelta, far: timedelta, demand: CallDemand) -> PollInterval:
    if _fits(demand, near, far):
        return PollInterval(near, far)
    tries = [(1.0, step) for step in STRETCH_STEPS] + [
        (step, STRETCH_STEPS[-1]) for step in STRETCH_STEPS[1:]
    ]
    for near_step, far_step in tries:
        wider = PollInterval(near * near_step, far * far_step, tight=True)
        if _fits(demand, wider.near, wider.far):
            return wider
    return PollInterval(near * STRETCH_STEPS[-1], far * STRETCH_STEPS[-1], tight=True, fits=False)


def _fits(demand: CallDemand, near: timedelta, far: timedelta) -> bool:
    return demand.bearable is None or per_minute(demand, near, far) <= demand.bearable
