"""Resolve host names in threads that block nothing else.

A name server that does not answer blocks `getaddrinfo` for half a minute. The event loop has few
threads: with all of them blocked, no other host can be resolved, and the process waits for them
when it ends. So each host is resolved in a thread of its own, which concurrent callers share.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import Future
from threading import Thread
from typing import Any

ResolvedAddress = tuple[Any, ...]
"""One result of `socket.getaddrinfo`: family, type, protocol, canonical name and address."""

_Host = tuple[str, int]
_pending: dict[_Host, Future[list[ResolvedAddress]]] = {}


async def resolve_host(host: str, port: int) -> list[ResolvedAddress]:
    """Return the TCP addresses of a host. Raises OSError or UnicodeError."""
    key = (host, port)
    future = _pending.get(key)
    if future is None:
        future = _pending[key] = Future()
        # Without this, the cancellation of one caller would cancel the lookup for all of them.
        future.set_running_or_notify_cancel()
        try:
            # A daemon thread, so that the end of the process does not wait for it.
            Thread(target=_look_up, args=(key, future), name="look up", daemon=True).start()
        except RuntimeError as error:  # the system allows no further thread
            _remove_pending(key, future)
            raise OSError(str(error)) from error
    return await asyncio.wrap_future(future)


def _look_up(key: _Host, future: Future[list[ResolvedAddress]]) -> None:
    try:
        result: list[ResolvedAddress] = list(socket.getaddrinfo(*key, type=socket.SOCK_STREAM))
    except Exception as error:  # noqa: BLE001 - raised in the waiting callers
        _remove_pending(key, future)
        future.set_exception(error)
    else:
        _remove_pending(key, future)
        future.set_result(result)


def _remove_pending(key: _Host, future: Future[list[ResolvedAddress]]) -> None:
    """Let the next caller start a new lookup."""
    if _pending.get(key) is future:
        del _pending[key]
