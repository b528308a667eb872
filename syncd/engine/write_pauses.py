"""What is not to be written to now: pauses, and observe mode.

The pauses are stored, and read again just before each write, so that one that arrives between a
plan and its writes counts at once. Who pauses waits for the requests that had begun by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from syncd.model import ExposureCause, Operation, WaitReason
from syncd.model.pauses import Pause, pause_of
from syncd.store.pauses import pauses
from syncd.store.store import Store

_CAUSES = {WaitReason.PAUSED: ExposureCause.PAUSED, WaitReason.OBSERVE: ExposureCause.OBSERVE}


def paused(store: Store, provider: str, system: str) -> Pause | None:
    """Return the pause because of which this calendar gets no write; None if it may get one."""
    return pause_of(pauses(store), provider, system)


def system_paused(store: Store, system: str) -> Pause | None:
    """Return the pause of a system as a whole, if there is one."""
    return paused(store, "", system)


@dataclass(slots=True)
class WritePauses:
    """What a person wants not to be written, and which requests are under way.

    ``found`` are the pauses that the cycle at work decides by; writes look at those of the moment.
    """

    store: Store
    observe: bool = False
    found: list[Pause] = field(default_factory=list)
    _under_way: list[tuple[str, str]] = field(default_factory=list)
    _landed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Begin with what is stored."""
        self.found = pauses(self.store)

    def renew(self) -> bool:
        """Read the pauses for the cycle that begins; return whether any is new or has ended."""
        before, self.found = self.found, pauses(self.store)
        return before != self.found

    def why(self, provider: str, system: str) -> WaitReason | None:
        """Return why the cycle at work does not write to a calendar; None if it may."""
        if self.observe:
            return WaitReason.OBSERVE
        return WaitReason.PAUSED if pause_of(self.found, provider, system) else None

    def cause(self, provider: str, system: str) -> ExposureCause | None:
        """Return why time that no block closes is open in a calendar, if that is a pause."""
        why = self.why(provider, system)
        return None if why is None else _CAUSES[why]

    def why_now(self, provider: str, system: str) -> WaitReason | None:
        """Return why nothing may be sent to a calendar at this moment; None if it may."""
        if self.observe:
            return WaitReason.OBSERVE
        return WaitReason.PAUSED if paused(self.store, provider, system) else None

    def hold_back(
        self, operations: Iterable[Operation], *, cleans: bool = False
    ) -> dict[Operation, WaitReason]:
        """Return which of these may not be sent at this moment, and why.

        In spite of a pause (``cleans``) what a person wants gone for good is removed, and what a
        write that had begun before it did by mistake is put back.
        """
        found: dict[Operation, WaitReason] = {}
        for each in operations:
            why = self.why_now(each.provider, each.system)
            if why is WaitReason.OBSERVE or (why is not None and not cleans):
                found[each] = why
        return found

    @contextmanager
    def sending(self, calendars: Iterable[tuple[str, str]]) -> Iterator[None]:
        """Tell those who pause that these calendars, (provider, system), are being written to."""
        mine = list(calendars)
        self._under_way += mine
        try:
            yield
        finally:
            for each in mine:
                self._under_way.remove(each)
            self._landed.set()

    async def landed(self, new: Iterable[Pause]) -> None:
        """Wait until nothing that began before these pauses is under way to their calendars."""
        wanted = list(new)
        while any(pause_of(wanted, *calendar) for calendar in self._under_way):
            self._landed.clear()
            await self._landed.wait()
