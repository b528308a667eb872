"""The agency on loopback sockets, in its own process.

Its lists are rendered once and repeated until something is written, so that the speed of the
emulators is not measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import MutableMapping
from dataclasses import astuple
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from syncd.lab.bench.world import NEAR, SYSTEM_NAMES, found

Message = MutableMapping[str, Any]
TIMES = {"startTime", "endTime", "startDate", "endDate"}


class Repeating:
    """An ASGI application that repeats the answers of lists, whatever window they ask for."""

    def __init__(self, app: Any) -> None:
        """Start without answers."""
        self._app = app
        self._kept: dict[tuple[str, str, str], list[Message]] = {}

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Return the cached answer, or call the platform."""
        body = (await receive()).get("body", b"")
        given = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return given.pop() if given else await receive()

        is_list = scope["method"] == "GET" or scope["path"].endswith("ByUserEmailAddress")
        if not is_list:
            self._kept.clear()
            await self._app(scope, again, send)
            return
        query = [pair for pair in parse_qsl(scope["query_string"].decode()) if pair[0] not in TIMES]
        asked = json.loads(body or b"{}")
        key = (scope["path"], repr(query), repr((asked.get("Users"), asked.get("Paging"))))
        cached = self._kept.get(key)
        if cached is None:
            cached = self._kept[key] = []

            async def keep(message: Message) -> None:
                cached.append(message)

            await self._app(scope, again, keep)
        for message in cached:
            await send(message)


async def serve(
    home: Path, size: int, *, blocked: bool = True, repeat: bool = True, near: str = NEAR
) -> dict[str, Any]:
    """Serve until standard input ends; write the configuration when everything is ready."""
    agency = found(size, blocked=blocked)
    if repeat:
        agency.sandbox.apps = {name: Repeating(agency.sandbox.apps[name]) for name in SYSTEM_NAMES}
    async with agency.sandbox.serve():
        urls = dict(agency.sandbox.urls)
        (home / "urls.json").write_text(json.dumps(urls))
        (home / "bookings.json").write_text(
            json.dumps([astuple(b) for b in agency.bookings], default=str)
        )
        (home / "new.toml").write_text(agency.config(home / "state.db", urls, near=near))
        (home / "new.toml").rename(home / "syncd.toml")
        await asyncio.to_thread(sys.stdin.read)
    return {}
