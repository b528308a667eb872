"""The heartbeat: call a monitoring service's URL after each whole cycle.

The service raises an alarm if the calls stop.
"""

from __future__ import annotations

import asyncio

import httpx
import structlog

log = structlog.get_logger(__name__)

_TIMEOUT = 10.0


class Heartbeat:
    """Calls the heartbeat URL in the background, at most one call at a time."""

    def __init__(
        self, address: str | None, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Send no heartbeat if ``address`` is None. ``transport`` replaces the network (tests)."""
        self._address = address
        self._transport = transport
        self._task: asyncio.Task[None] | None = None
        self._last_succeeded = True

    def beat(self) -> None:
        """Start a call, unless another call is in flight."""
        if self._address is not None and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._call(self._address))

    async def aclose(self) -> None:
        """Cancel a call in flight."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _call(self, address: str) -> None:
        try:
            async with (
                asyncio.timeout(_TIMEOUT),
                httpx.AsyncClient(timeout=_TIMEOUT, transport=self._transport) as client,
                client.stream("GET", address) as answer,
            ):
                # Only the status matters: the body is not read.
                error = (
                    "" if answer.is_success else f"the service returned status {answer.status_code}"
                )
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as fault:
            error = type(fault).__name__  # its text may hold the address, which is a secret
        if error and self._last_succeeded:
            log.warning(
                "heartbeat failed", reason=error, remedy="Check the URL heartbeat in [syncd]."
            )
        elif not error and not self._last_succeeded:
            log.info("heartbeat works again")
        self._last_succeeded = not error
