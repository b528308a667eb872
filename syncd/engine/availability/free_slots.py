"""Read the free slots of all systems at their own interval and store them.

No decision depends on free slots: they only show whether a busy time is still offered. A failed
read is therefore no failure of the system, and the stored slots stay valid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from syncd.core.availability.offers import joined
from syncd.engine.tasks.supervise import supervised
from syncd.model import Availability, Clock, Window, floor_to, is_recent
from syncd.store.queries.availability import availabilities, availability_read_at, save_availability
from syncd.store.store import Store
from syncd.systems.errors import PlatformError
from syncd.systems.port import Account, SlotReader, System
from syncd.systems.stopping import Stopping

log = structlog.get_logger(__name__)

GENTLE_SHARE = 0.25
"""The share of an account's rate that a gentle read may use; polls and writes use the rest."""

MAX_REQUEST_DELAY = 60.0
"""The longest delay between two calls of a gentle read, in seconds, even at a low rate limit."""


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
    """Read the free slots of every provider in every system; return the providers with new slots.

    ``mapping``: the systems of each provider. Slots that were read less than ``older_than`` ago are
    not read again. ``gently`` adds delays between the calls, so that polls and writes find room in
    the rate limit. Each system is asked on its own; a failed read is stored with its fault. Raises
    no PlatformError.
    """
    last, now = availability_read_at(store), clock.now()
    due = {
        name: [
            provider
            for provider, names in sorted(mapping.items())
            if name in names and not is_recent(last.get((provider, name)), now, older_than)
        ]
        for name in systems
    }
    total = sum(map(len, due.values()))
    learned: set[str] = set()
    asked = 0

    async def ask_one_system(system: SlotReader, providers: Sequence[str]) -> None:
        nonlocal asked
        for number, provider in enumerate(providers):
            if stopping.is_set():
                return
            if gently and number and not await stopping.pause(clock, _pause(system)):
                return
            answer = await read_slots(system, provider, clock, store)
            if stopping.is_set():
                return  # The call may not have been sent.
            with suppress(PlatformError), supervised(system.name, "storing free slots"):
                save_availability(store, answer)
                learned.add(provider)
            asked += 1
            progress(f"reading free slots ({asked} of {total})")

    await asyncio.gather(*(ask_one_system(systems[name], due[name]) for name in sorted(due)))
    return learned


async def read_slots(
    system: SlotReader, provider: str, clock: Clock, store: Store | None = None
) -> Availability:
    """Read and return the free slots of one provider in one system, from now to `slots_ahead`.

    If the read fails, returns the slots that ``store`` has (none without a store), with the fault.
    """
    now: datetime = clock.now()
    # The window ends at a full hour, so that it does not cut the last slot.
    window = Window(now, floor_to(now + system.capabilities.slots_ahead, timedelta(hours=1)))
    try:
        with supervised(system.name, "reading free slots"):
            offered = await system.free_slots(provider, window)
            # A platform may return slots far outside of the window.
            offers = joined(filter(window.overlaps, offered))
    except PlatformError as fault:
        log.info(
            "free slots could not be read", system=system.name, provider=provider, fault=str(fault)
        )
        known = availabilities(store, provider).get((provider, system.name)) if store else None
        blank = Availability(system.name, provider, now, Window(now, now))
        return replace(known or blank, fault=fault.detail or str(fault))
    return Availability(system.name, provider, now, window, offers)


def _pause(system: Account) -> float:
    calls, seconds = min(
        system.traffic.limits or ((100, 10.0),), key=lambda limit: limit[0] / limit[1]
    )
    return min(seconds / calls / GENTLE_SHARE, MAX_REQUEST_DELAY)
