"""Whether a 401 means that access is lost: platforms answer it sporadically.

Nor does a 410 of one call prove that the whole API was switched off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from syncd.systems.port import PlatformError, RejectedError, UnauthorizedError

if TYPE_CHECKING:
    from syncd.model import Clock

T = TypeVar("T")

RETRY_PAUSE = 1.0
"""Seconds before a call that was answered with 401 is repeated."""

SETTLED = 10.0
"""Seconds for which access counts as lost once a check said so: calls under way need not ask."""

_UNAUTHORISED = 401
_SWITCHED_OFF = 410


@dataclass(frozen=True, slots=True)
class CheapRead:
    """A short read that every valid secret of a platform may make."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Access:
    """Repeats what was answered with 401, and checks by one cheap read before that is believed."""

    def __init__(
        self,
        clock: Clock,
        check: Callable[[], Awaitable[object]] | None,
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        """Keep the parts; without a check, a second 401 is believed.

        ``pause`` waits for some seconds, and raises a PlatformError where nothing is to be
        repeated.
        """
        self._pause = pause
        self._clock = clock
        self._check = check
        self._turn = asyncio.Lock()
        self._lost_at: float | None = None

    async def repeated(self, once: Callable[[], Awaitable[T]], *, cheap: bool = False) -> T:
        """Make a call, up to three times while the secret proves valid. Raises PlatformError.

        A 401 says that nothing was done, so a write may be repeated, too. A call that is the
        ``cheap`` read itself is a proof of its own.
        """
        try:
            return await self._repeated_once(once)
        except UnauthorizedError as fault:
            if fault.status not in {_UNAUTHORISED, _SWITCHED_OFF}:
                raise
            if cheap:
                self._lost_at = self._clock.monotonic()
            if cheap or not await self._is_valid():
                raise
            if fault.status == _SWITCHED_OFF:
                # Only what this call asked for is gone.
                raise RejectedError(
                    fault.system, fault.call, status=fault.status, detail=fault.detail
                ) from None
        return await once()

    async def _repeated_once(self, once: Callable[[], Awaitable[T]]) -> T:
        try:
            return await once()
        except UnauthorizedError as fault:
            if fault.status != _UNAUTHORISED or self._is_settled():
                raise
        await self._pause(RETRY_PAUSE)
        return await once()

    def _is_settled(self) -> bool:
        lost = self._lost_at
        return lost is not None and self._clock.monotonic() < lost + SETTLED

    async def _is_valid(self) -> bool:
        """Whether the secret is accepted elsewhere; calls that fail together ask once."""
        if self._check is None:
            return False
        async with self._turn:
            if self._is_settled():
                return False
            try:
                await self._check()
            except UnauthorizedError:
                self._lost_at = self._clock.monotonic()
                return False
            except PlatformError:
                return False
            return True
