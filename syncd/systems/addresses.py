"""The addresses of a host, looked up in a thread that keeps nobody.

A name server that does not answer keeps `getaddrinfo` for half a minute. The loop's own threads are
few: with all of them kept, no other host could be connected to. And a process that ends waits for
them. So each host is looked up in a thread of its own, once for all who ask meanwhile.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import Future
from threading import Thread
from typing import Any

Address = tuple[Any, ...]
"""What `socket.getaddrinfo` finds: family, kind, protocol, name and address."""

_Host = tuple[str, int]
_under_way: dict[_Host, Future[list[Address]]] = {}


async def addresses(host: str, port: int) -> list[Address]:
    """Return the addresses for TCP. Raises OSError or UnicodeError."""
    asked = (host, port)
    found = _under_way.get(asked)
    if found is None:
        found = _under_way[asked] = Future()
        found.set_running_or_notify_cancel()  # or who is interrupted would end it for all
        try:
            # A daemon: the end of the process does not wait for it.
            Thread(target=_look_up, args=(asked, found), name="look up", daemon=True).start()
        except RuntimeError as error:  # no further thread is allowed
            _end(asked, found)
            raise OSError(str(error)) from error
    return await asyncio.wrap_future(found)


def _look_up(asked: _Host, found: Future[list[Address]]) -> None:
    try:
        answer: list[Address] = list(socket.getaddrinfo(*asked, type=socket.SOCK_STREAM))
    except Exception as error:  # noqa: BLE001 - raised where it was asked
        _end(asked, found)
        found.set_exception(error)
    else:
        _end(asked, found)
        found.set_result(answer)


def _end(asked: _Host, found: Future[list[Address]]) -> None:
    """Have the next who asks look it up anew."""
    if _under_way.get(asked) is found:
        del _under_way[asked]
