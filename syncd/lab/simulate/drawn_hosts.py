"""Draw changes to the hosts of a meeting."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

_SEVERAL_HOSTS = 0.4
_ACTS = ("add-host", "remove-host", "hand-over")


class HostAct(NamedTuple):
    """One act: when, what and where. ``number`` picks the target, ``slot`` a time or a person."""

    at: float
    what: str
    system: str
    number: int
    slot: int


def draw_hosts(random: Random, span: float) -> Sequence[HostAct]:
    """Draw, on some days, a v2 meeting that gets a second host, and further changes of its hosts.

    The meeting may also be entered in another system for one of the hosts.
    """
    if random.random() >= _SEVERAL_HOSTS:
        return ()

    def act(low: float, kind: str, system: str = "clinic") -> HostAct:
        at = round(random.uniform(low, low + 0.3) * span, 1)
        return HostAct(at, kind, system, random.randrange(1000), random.randrange(1000))

    acts = [act(0.0, "book"), act(0.1, "add-host")]
    if random.choice((True, False)):
        acts.append(act(0.3, "twin", random.choice(("crm", "legacy"))))
    return [*acts, *(act(0.4, random.choice(_ACTS)) for _ in range(random.randint(0, 3)))]
