"""Gateways in front of a platform that allow fewer calls than it says, and tell it oddly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.sandbox.limit_replies import REPLY_PLACES, LimitReply
from syncd.sandbox.limits import RateLimit
from syncd.simulate.acts import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.simulate.world import World

_STATUSES = (403, 400, 401, 500, 429)
_WINDOWS = (5.0, 10.0, 30.0)
_AT_ONCE = timedelta(minutes=1)
"""Calls that are refused so close together are one burst: all but the first were under way."""


def perform(town: World, step: SimEvent) -> str:
    """Put a gateway in front of a platform; what was done, '' if the step is another act.

    A step that names its own seconds allows its ``times`` in them: so few that polls must be fewer.
    """
    if step.kind is not EventKind.LOWER_LIMIT:
        return ""
    seconds = step.seconds or _WINDOWS[step.slot % len(_WINDOWS)]
    most = step.times if step.seconds else 4 + step.number % 5 + int(seconds)
    told = LimitReply(
        REPLY_PLACES[step.number % len(REPLY_PLACES)], _STATUSES[step.slot % len(_STATUSES)]
    )
    platform = town.sandbox.systems[step.system]
    platform.gateway_limit, platform.limit_reply = RateLimit(most, seconds), told
    town.gateways.append((step.system, platform.gateway_limit))
    return f"allow {most} calls in {seconds:g} s, told as {told.status} in {told.place}"


def over_limits(town: World) -> Iterator[str]:
    """Name the bursts that a gateway refused after its limit was learned (promise 9).

    Whoever died right after a refusal, or lost the state since, may have to learn it again.
    """
    for system, limit in town.gateways:
        last = None
        for at in limit.refused_at:
            forgotten = (
                last is None
                or at - last > timedelta(days=1)
                or any(last <= lost <= at for lost in town.forgotten)
            )
            died = last is not None and any(last <= d <= last + _AT_ONCE for d in town.deaths)
            if last is not None and at - last > _AT_ONCE and not forgotten and not died:
                yield f"9: a call over the learned limit of {system} on {at:%d %H:%M:%S}"
            last = at
