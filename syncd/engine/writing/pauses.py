"""Hold back writes because of pauses or observe mode.

Pauses are stored, and loaded again just before each write, so that a pause that begins between a
plan and its writes counts at once. The pause command waits for the requests that had begun earlier.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from syncd.model import ExposureCause, Operation, WaitReason
from syncd.model.pauses import Pause, pause_of
from syncd.store.queries.pauses import pauses
from syncd.store.store import Store

_CAUSES = {WaitReason.PAUSED: ExposureCause.PAUSED, WaitReason.OBSERVE: ExposureCause.OBSERVE}


def paused(store: Store, provider: str, system: str) -> Pause | None:
    """Return the stored pause that stops writes to this calendar; None if writes are allowed.

    The pause may be of the calendar, of its whole provider, or of its whole system.
    """
    return pause_of(pauses(store), provider, system)


def system_paused(store: Store, system: str) -> Pause | None:
    """Return the stored pause of a whole system, or None."""
    return paused(store, "", system)


@dataclass(slots=True)
class WritePauses:
    """The pauses and observe mode, and the write requests in flight.

    Decisions of a cycle use ``current``, the pauses at its start. Writes check the stored pauses.
    """

    store: Store
    observe: bool = False
    current: list[Pause] = field(default_factory=list)
    _in_flight: list[tuple[str, str]] = field(default_factory=list)
    _request_ended: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Load the stored pauses."""
        self.current = pauses(self.store)

    def reload(self) -> bool:
        """Load the stored pauses for a new cycle; return true if a pause has begun or ended."""
        before, self.current = self.current, pauses(self.store)
        return before != self.current

    def reason(self, provider: str, system: str) -> WaitReason | None:
        """Return why the current cycle does not write to a calendar; None if it may write."""
        if self.observe:
            return WaitReason.OBSERVE
        return WaitReason.PAUSED if pause_of(self.current, provider, system) else None

    def exposure_cause(self, provider: str, system: str) -> ExposureCause | None:
        """Return the cause of exposures in a calendar; None if no pause or observe mode applies."""
        reason = self.reason(provider, system)
        return None if reason is None else _CAUSES[reason]

    def reason_now(self, provider: str, system: str) -> WaitReason | None:
        """Return why a calendar must not be written to now, by the stored pauses, or None."""
        if self.observe:
            return WaitReason.OBSERVE
        return WaitReason.PAUSED if paused(self.store, provider, system) else None

    def hold_back(
        self, operations: Iterable[Operation], *, cleans: bool = False
    ) -> dict[Operation, WaitReason]:
        """Return the operations that must not be sent now, with the reason.

        ``cleans``: only observe mode counts, pauses do not. Used by `syncd cleanup`, and to put
        back what an earlier write changed by mistake.
        """
        held_back: dict[Operation, WaitReason] = {}
        for operation in operations:
            reason = self.reason_now(operation.provider, operation.system)
            if reason is WaitReason.OBSERVE or (reason is not None and not cleans):
                held_back[operation] = reason
        return held_back

    @contextmanager
    def sending(self, calendars: Iterable[tuple[str, str]]) -> Iterator[None]:
        """Mark calendars, as (provider, system), as being written to during a with block."""
        sent = list(calendars)
        self._in_flight += sent
        try:
            yield
        finally:
            for calendar in sent:
                self._in_flight.remove(calendar)
            self._request_ended.set()

    async def wait_for_requests(self, new: Iterable[Pause]) -> None:
        """Wait until no request to a calendar of these new pauses is in flight."""
        added = list(new)
        while any(pause_of(added, *calendar) for calendar in self._in_flight):
            self._request_ended.clear()
            await self._request_ended.wait()
