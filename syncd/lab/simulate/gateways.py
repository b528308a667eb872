"""Gateways that allow fewer calls than the platform states, and refuse calls in unusual forms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.limit_replies import REPLY_PLACES, LimitReply
from syncd.lab.sandbox.limits import RateLimit
from syncd.lab.simulate.acts import EventKind, SimEvent

if TYPE_CHECKING:
    from syncd.lab.simulate.world import World

_STATUSES = (403, 400, 401, 500, 429)
_WINDOWS = (5.0, 10.0, 30.0)
_AT_ONCE = timedelta(minutes=1)
"""Refused calls this close together are one burst: all but the first were already on their way."""


def perform(world: World, step: SimEvent) -> str:
    """Put a gateway in front of a platform; return what was done, '' for other acts.

    A step with ``seconds`` allows ``times`` calls in them, so few that polls must become fewer.
    """
    if step.kind is not EventKind.LOWER_LIMIT:
        return ""
    seconds = step.seconds or _WINDOWS[step.slot % len(_WINDOWS)]
    most = step.times if step.seconds else 4 + step.number % 5 + int(seconds)
    reply = LimitReply(
        REPLY_PLACES[step.number % len(REPLY_PLACES)], _STATUSES[step.slot % len(_STATUSES)]
    )
    platform = world.sandbox.systems[step.system]
    platform.gateway_limit, platform.limit_reply = RateLimit(most, seconds), reply
    world.gateways.append((step.system, platform.gateway_limit))
    return f"allow {most} calls in {seconds:g} s, reported as {reply.status} in {reply.place}"


def over_limits(world: World) -> Iterator[str]:
    """Yield the bursts that a gateway refused after its limit was learned (promise 9).

    A process that died right after a refusal, or lost the state since, may have to learn it again.
    """
    for system, limit in world.gateways:
        last = None
        for at in limit.refused_at:
            forgotten = (
                last is None
                or at - last > timedelta(days=1)
                or any(last <= lost <= at for lost in world.state_losses)
            )
            died = last is not None and any(last <= d <= last + _AT_ONCE for d in world.deaths)
            if last is not None and at - last > _AT_ONCE and not forgotten and not died:
                yield f"9: a call over the learned limit of {system} on {at:%d %H:%M:%S}"
            last = at
