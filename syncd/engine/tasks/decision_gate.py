"""Keep background tasks from changing the state while decisions are made."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from syncd.systems.port import System

T = TypeVar("T")


class DecisionGate:
    """A gate that keeps background tasks from changing the state while decisions are made.

    A background task waits at the gate after each response of its system (see `GatedSystem`).
    """

    def __init__(self) -> None:
        """Create an open gate."""
        self._open = asyncio.Event()
        self._open.set()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Keep the gate closed during a with block."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    async def passed(self) -> None:
        """Wait until the gate is open."""
        if not self._open.is_set():
            await self._open.wait()


class GatedSystem:
    """A `System` for background tasks: each call returns only when the gate is open.

    All methods delegate to the wrapped system.
    """

    def __init__(self, system: System, gate: DecisionGate) -> None:
        """Wrap a system, so that its responses wait for this gate."""
        self._system = system
        self._gate = gate
        self.since: float | None = None
        """When the call in flight began, in the event loop's time; None if there is none."""

    def __getattr__(self, name: str) -> Any:
        """Return a member that makes no calls from the wrapped system."""
        return getattr(self._system, name)

    async def read(self, *args: Any, **kwargs: Any) -> Any:
        """Read the wrapped system; return the snapshot when the gate is open."""
        return await self._response_to(self._system.read(*args, **kwargs))

    async def read_one(self, *args: Any) -> Any:
        """Look up an event in the wrapped system; return the result when the gate is open."""
        return await self._response_to(self._system.read_one(*args))

    async def users(self) -> Any:
        """Read the users of the wrapped system; return them when the gate is open."""
        return await self._response_to(self._system.users())

    async def whole(self, *args: Any) -> Any:
        """Read a whole record from the wrapped system; return it when the gate is open."""
        return await self._response_to(self._system.whole(*args))

    async def customer(self, *args: Any) -> Any:
        """Look up an event's customer in the wrapped system; return it when the gate is open."""
        return await self._response_to(self._system.customer(*args))

    async def write(self, *args: Any) -> Any:
        """Write to the wrapped system; return the response when the gate is open."""
        return await self._response_to(self._system.write(*args))

    async def _response_to(self, call: Coroutine[Any, Any, T]) -> T:
        self.since = asyncio.get_running_loop().time()
        try:
            response = await call
        except Exception:
            await self._gate.passed()
            raise
        finally:
            self.since = None
        await self._gate.passed()
        return response
