"""The dead man's switch: an address that hears of every whole cycle, and raises the alarm else."""

from __future__ import annotations

import asyncio

import httpx
import structlog

log = structlog.get_logger(__name__)

_TIMEOUT = 10.0


class Heartbeat:
    """Calls an address, never twice at a time, and never in the way of the work."""

    def __init__(
        self, address: str | None, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """None: there is nobody to tell. ``transport`` replaces the network (tests)."""
        self._address = address
        self._transport = transport
        self._task: asyncio.Task[None] | None = None
        self._heard = True

    def beat(self) -> None:
        """Tell that all is well."""
        if self._address is not None and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._call(self._address))

    async def aclose(self) -> None:
        """Let go of a call in flight."""
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
                # The status says it all: whatever the body holds, it is not read.
                why = "" if answer.is_success else f"it answered {answer.status_code}"
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
            why = type(error).__name__  # its text may hold the address
        if why and self._heard:
            log.warning("heartbeat not heard", reason=why, remedy="Look at heartbeat in [syncd].")
        elif not why and not self._heard:
            log.info("heartbeat heard again")
        self._heard = not why
