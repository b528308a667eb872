"""The program's transport to one emulated platform, with an observation after each request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from syncd.lab.sandbox.asgi_transport import AsgiTransport
from syncd.lab.simulate.facts import cannot_lengthen, note_unnamed

if TYPE_CHECKING:
    from syncd.lab.sandbox.platform import Call
    from syncd.lab.simulate.world import World


class ObservedTransport(AsgiTransport):
    """A transport that observes the platform's events after each request."""

    def __init__(self, world: World, system: str) -> None:
        """Create a transport to one system of the world."""
        super().__init__(world.sandbox.apps[system])
        self._town = world
        self._system = system

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the request on, then observe what changed."""
        world, system = self._town, self._system
        writes = _is_write(request, queues=world.sandbox.crm.deletes_later)
        if writes:
            world.observe(system, by_hand=False)  # changes by queued jobs are not this request's
        calls = world.sandbox.systems[system].calls
        before, known = len(calls), len(world.changes)
        answer = b""
        try:
            response = await super().handle_async_request(request)
            if isinstance(response.stream, httpx.AsyncByteStream):
                answer = b"".join([part async for part in response.stream])
            return response
        finally:
            # Other requests are in flight at the same time; one that was cancelled made no call at
            # all.
            own_calls = [call for call in calls[before:] if _belongs_to(call, request)]
            world.calls += [
                f"{system} {call.method} {call.path} {call.status}" for call in own_calls
            ]
            world.observe(system, by_hand=False)
            note_unnamed(world, system, world.changes[known:], answer)
            if writes and len(world.changes) == known and not world.has_edited_block(system):
                world.idle += [
                    f"{system} {call.method} {call.path} on {world.clock.now():%d %H:%M:%S}"
                    for call in own_calls
                    if call.status in range(200, 300)
                    and not cannot_lengthen(world, system, call.method, call.path)
                ]


def _belongs_to(call: Call, request: httpx.Request) -> bool:
    """Return true if a call of the log belongs to a request."""
    return call.method == request.method and request.url.path.endswith(call.path)


_WRITES, _DELETES = ("Create", "MarkComplete"), "DeleteTasks"
"""The calls of LeadSquared that write at once. The bulk update is a job, and a deletion may be
one."""


def _is_write(request: httpx.Request, *, queues: bool) -> bool:
    """Return true if a request writes at once; a deletion in LeadSquared may be queued."""
    path = request.url.path
    if ".svc/" in path:
        return path.endswith(_WRITES) or (path.endswith(_DELETES) and not queues)
    return request.method != "GET"
