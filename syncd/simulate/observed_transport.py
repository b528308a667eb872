"""The way of the program to one emulated platform, and who looks on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from syncd.sandbox.asgi_transport import AsgiTransport
from syncd.simulate.facts import cannot_lengthen, note_unnamed

if TYPE_CHECKING:
    from syncd.sandbox.platform import Call
    from syncd.simulate.world import World


class ObservedTransport(AsgiTransport):
    """Requests to one platform, each followed by a look."""

    def __init__(self, town: World, system: str) -> None:
        """Begin."""
        super().__init__(town.sandbox.apps[system])
        self._town = town
        self._system = system

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on."""
        town, system = self._town, self._system
        writes = _writes(request, queues=town.sandbox.crm.deletes_later)
        if writes:
            town.observe(system, by_hand=False)  # jobs that are due are not this request's doing
        calls = town.sandbox.systems[system].calls
        before, known = len(calls), len(town.changes)
        answer = b""
        try:
            response = await super().handle_async_request(request)
            if isinstance(response.stream, httpx.AsyncByteStream):
                answer = b"".join([part async for part in response.stream])
            return response
        finally:
            # Others are on their way at the same time; one that was given up made no call at all.
            made = [call for call in calls[before:] if _is_of(call, request)]
            town.calls += [f"{system} {call.method} {call.path} {call.status}" for call in made]
            town.observe(system, by_hand=False)
            note_unnamed(town, system, town.changes[known:], answer)
            if writes and len(town.changes) == known and not town.meddled(system):
                town.idle += [
                    f"{system} {call.method} {call.path} on {town.clock.now():%d %H:%M:%S}"
                    for call in made
                    if call.status in range(200, 300)
                    and not cannot_lengthen(town, system, call.method, call.path)
                ]


def _is_of(call: Call, request: httpx.Request) -> bool:
    """Whether a call of the log is a request's own."""
    return call.method == request.method and request.url.path.endswith(call.path)


_WRITES, _DELETES = ("Create", "MarkComplete"), "DeleteTasks"
"""The calls of LeadSquared that write at once; the bulk update is a job, and so may a deletion."""


def _writes(request: httpx.Request, *, queues: bool) -> bool:
    """Return whether a request changes something at once; a deletion of LeadSquared may queue."""
    path = request.url.path
    if ".svc/" in path:
        return path.endswith(_WRITES) or (path.endswith(_DELETES) and not queues)
    return request.method != "GET"
