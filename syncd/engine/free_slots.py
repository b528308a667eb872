"""Ask the systems for free slots, at a pace of their own, and keep what they say.

Nothing is decided on free slots: they tell whether a time that is taken is still offered. A
question without an answer is therefore no trouble of the system's, and what was known stays known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from syncd.core.availability import joined
from syncd.engine.supervise import supervised
from syncd.model import Availability, Clock, Window, floor_to, is_recent
from syncd.store.availability import availabilities, availability_read_at, save_availability
from syncd.store.store import Store
from syncd.systems.port import PlatformError, System
from syncd.systems.stopping import Stopping

log = structlog.get_logger(__name__)

SHARE = 0.25
"""The part of an account's rate that asking gently may use; the rest is for polls and writes."""

MAX_PAUSE = 60.0
"""Seconds: an account that allows a few calls an hour is asked little, and holds up no job."""


async def read_all_slots(
    systems: Mapping[str, System],
    mapping: Mapping[str, Sequence[str]],
    store: Store,
    clock: Clock,
    stopping: Stopping,
    *,
    older_than: timedelta = timedelta(0),
    gently: bool = False,
    progress: Callable[[str], None] = lambda _text: None,
) -> set[str]:
    """Ask every system for each of its providers; return those of whom something was learned.

    Only what was asked for longer ago than ``older_than`` is asked for again. ``gently`` leaves
    pauses, so that polls and writes find room. Never raises PlatformError.
    """
    last, now = availability_read_at(store), clock.now()
    due = {
        name: [
            provider
            for provider, seats in sorted(mapping.items())
            if name in seats and not is_recent(last.get((provider, name)), now, older_than)
        ]
        for name in systems
    }
    total = sum(map(len, due.values()))
    learned: set[str] = set()
    asked = 0

    async def ask_one_system(system: System, providers: Sequence[str]) -> None:
        nonlocal asked
        for number, provider in enumerate(providers):
            if stopping.is_set():
                return
            if gently and number and not await stopping.pause(clock, _pause(system)):
                return
            answer = await read_slots(system, provider, clock, store)
            if stopping.is_set():
                return  # It may not have been asked at all.
            with suppress(PlatformError), supervised(system.name, "keeping free slots"):
                save_availability(store, answer)
                learned.add(provider)
            asked += 1
            progress(f"asking for free slots ({asked} of {total})")

    await asyncio.gather(*(ask_one_system(systems[name], due[name]) for name in sorted(due)))
    return learned


async def read_slots(
    system: System, provider: str, clock: Clock, store: Store | None = None
) -> Availability:
    """Ask one system of one provider. Without an answer: what is stored, with the fault."""
    now: datetime = clock.now()
    # A whole hour, so that the last slot of a usual length is neither cut nor left out.
    window = Window(now, floor_to(now + system.capabilities.slots_ahead, timedelta(hours=1)))
    try:
        with supervised(system.name, "asking for free slots"):
            offered = await system.free_slots(provider, window)
            # A platform may answer more than it was asked, years away.
            offers = joined(o for o in offered if o.start < window.end and window.start < o.end)
    except PlatformError as fault:
        log.info("free slots not known", system=system.name, provider=provider, fault=str(fault))
        known = availabilities(store, provider).get((provider, system.name)) if store else None
        blank = Availability(system.name, provider, now, Window(now, now))
        return replace(known or blank, fault=fault.detail or str(fault))
    return Availability(system.name, provider, now, window, offers)


def _pause(system: System) -> float:
    calls, seconds = min(
        system.traffic.limits or ((100, 10.0),), key=lambda limit: limit[0] / limit[1]
    )
    return min(seconds / calls / SHARE, MAX_PAUSE)
