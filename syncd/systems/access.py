"""Decide whether a response 401 or 410 means that the account has lost its access.

Platforms send 401 sporadically, so a single 401 proves nothing. Nor does a 410 for one call prove
that the whole API was switched off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from syncd.systems.errors import PlatformError, RejectedError, UnauthorizedError

if TYPE_CHECKING:
    from syncd.model import Clock

T = TypeVar("T")

RETRY_PAUSE = 1.0
"""Seconds to wait before a call that failed with 401 is repeated."""

CHECK_VALID_FOR = 10.0
"""Seconds for which a failed check is reused, so that calls in flight do not repeat the check."""

_UNAUTHORISED = 401
_SWITCHED_OFF = 410


@dataclass(frozen=True, slots=True)
class CheapRead:
    """A short read that every valid secret of a platform may make."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Access:
    """Repeats calls that failed with 401, and makes a cheap read to tell whether access is lost."""

    def __init__(
        self,
        clock: Clock,
        check: Callable[[], Awaitable[object]] | None,
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        """Keep the parts. Without ``check``, the second 401 is taken as final.

        ``check`` makes the cheap read. ``pause`` waits for some seconds; it raises a PlatformError
        if the call must not be repeated.
        """
        self._pause = pause
        self._clock = clock
        self._check = check
        self._check_lock = asyncio.Lock()
        self._refused_at: float | None = None

    async def repeated(self, once: Callable[[], Awaitable[T]], *, cheap: bool = False) -> T:
        """Make a call; after a 401, repeat it once, and once more if the cheap read succeeds.

        A 401 means that nothing was done, so a write may be repeated, too. After a 410, the call
        fails with RejectedError if the cheap read succeeds: then the account works, and only the
        target of the call is gone. ``cheap``: the call is the cheap read itself, so its failure
        needs no check. Raises PlatformError.
        """
        try:
            return await self._repeated_once(once)
        except UnauthorizedError as fault:
            if fault.status not in {_UNAUTHORISED, _SWITCHED_OFF}:
                raise
            if cheap:
                self._refused_at = self._clock.monotonic()
            if cheap or not await self._is_valid():
                raise
            if fault.status == _SWITCHED_OFF:
                # The secret works elsewhere, so only the target of this call is gone.
                raise RejectedError(
                    fault.system, fault.call, status=fault.status, detail=fault.detail
                ) from None
        return await once()

    async def _repeated_once(self, once: Callable[[], Awaitable[T]]) -> T:
        try:
            return await once()
        except UnauthorizedError as fault:
            if fault.status != _UNAUTHORISED or self._was_just_refused():
                raise
        await self._pause(RETRY_PAUSE)
        return await once()

    def _was_just_refused(self) -> bool:
        refused_at = self._refused_at
        return refused_at is not None and self._clock.monotonic() < refused_at + CHECK_VALID_FOR

    async def _is_valid(self) -> bool:
        """Check the secret by the cheap read; calls that fail at the same time share one check."""
        if self._check is None:
            return False
        async with self._check_lock:
            if self._was_just_refused():
                return False
            try:
                await self._check()
            except UnauthorizedError:
                self._refused_at = self._clock.monotonic()
                return False
            except PlatformError:
                return False
            return True
