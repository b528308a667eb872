"""The real adapter against the emulated location over a loopback socket, with a recording proxy.

The proxy records every request. It can also rewrite answers or drop fields of requests, to imitate
behaviour that the emulator lacks: rows without an id, wall times, an ignored flag.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import pytest
from starlette.datastructures import Headers, QueryParams
from starlette.routing import Match
from starlette.types import Message, Receive, Scope, Send

from syncd.lab.sandbox.clock import ManualClock
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.ids import alnum_ids
from syncd.lab.sandbox.leadconnector import EmulatedLeadConnector as Platform
from syncd.lab.sandbox.serving import serving
from syncd.model import Action, Event, Kind, Operation, Value, Window
from syncd.systems.leadconnector import Account, CalendarMapping, LeadConnector
from tests.lab.sandbox.kit import HOUR, NOW, at

WINDOW = Window(at(0), at(0, 9))
"""A week."""
EVENTS = "GET /calendars/events"
BLOCKED = "GET /calendars/blocked-slots"
TOKEN = "pit-very-secret"
KEY = "abcdefghij"

Body = dict[str, Any]
Rewrite = Callable[[Body], Any]


class RecordedRequest(NamedTuple):
    """One request as it reached the platform.

    ``template`` is its path in the routing table, ``path`` the quoted path that was sent.
    """

    method: str
    template: str
    path: str
    query: Mapping[str, str]
    headers: Headers
    body: Any

    @property
    def call(self) -> str:
        """Return method and template."""
        return f"{self.method} {self.template}"


@dataclass
class RecordingProxy:
    """An ASGI application in front of the platform."""

    platform: Platform
    requests: list[RecordedRequest] = field(default_factory=list)
    answers: dict[str, tuple[int, Rewrite]] = field(default_factory=dict)
    ignored_fields: set[str] = field(default_factory=set)

    def rewrite(self, call: str, with_: Rewrite, status: int = 200) -> None:
        """Rewrite the answers to a call (method and template)."""
        self.answers[call] = (status, with_)

    @property
    def calls(self) -> list[str]:
        """Return method and template of every request so far."""
        return [request.call for request in self.requests]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the request, forward it, and rewrite its answer if a test asks for that."""
        content = await _content(receive)
        body = json.loads(content) if content else None
        request = RecordedRequest(
            scope["method"],
            self._template(scope),
            scope["raw_path"].decode(),
            dict(QueryParams(scope["query_string"])),
            Headers(scope=scope),
            body,
        )
        self.requests.append(request)
        if isinstance(body, dict) and self.ignored_fields & body.keys():
            content = json.dumps(
                {k: v for k, v in body.items() if k not in self.ignored_fields}
            ).encode()

        async def pass_on() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        rewritten = self.answers.get(request.call)
        if rewritten is None:
            await self.platform(scope, pass_on, send)
            return
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self.platform(scope, pass_on, collect)
        status, change = rewritten
        changed = change(json.loads(messages[1]["body"]))
        answer = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        headers = [pair for pair in messages[0]["headers"] if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(answer)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _template(self, scope: Scope) -> str:
        paths = (r.path for r in self.platform._routes if r.matches(scope)[0] is Match.FULL)
        return next(paths, f"unknown: {scope['path']}")


async def _content(receive: Receive) -> bytes:
    content: bytes = b""
    while True:
        message = await receive()
        content += message.get("body", b"")
        if not message.get("more_body"):
            return content


@dataclass
class Clinic:
    """A location with users, calendars and a contact, and the adapters under test; see `build`."""

    platform: Platform
    clock: ManualClock
    proxy: RecordingProxy
    url: str
    alice: str
    bob: str
    calendar: str
    bobs: str
    hall: str
    group: str
    contact: str
    made: list[LeadConnector] = field(default_factory=list)

    def build(
        self, calendars: Mapping[str, CalendarMapping] | None = None, **options: Any
    ) -> LeadConnector:
        """Create an adapter, by default for alice only."""
        account = Account(
            **{
                "location_id": self.platform.location_id,
                "token": TOKEN,
                "base_url": self.url,
                **options,
            }
        )
        mapped = self.only_alice if calendars is None else calendars
        system = LeadConnector("clinic", account, mapped, self.clock)
        self.made.append(system)
        return system

    @property
    def only_alice(self) -> dict[str, CalendarMapping]:
        """Return a mapping of alice on her calendar."""
        return {"alice": CalendarMapping(self.alice, (self.calendar,))}

    @property
    def both(self) -> dict[str, CalendarMapping]:
        """Return a mapping of alice and bob, whose calendars are in one group."""
        return {**self.only_alice, "bob": CalendarMapping(self.bob, (self.bobs,))}

    @property
    def room(self) -> dict[str, CalendarMapping]:
        """Return a mapping of a hall, which is an event calendar without a user."""
        return {"hall": CalendarMapping(None, (self.hall,))}

    def book(self, start: datetime, **more: Any) -> str:
        """Book an hour with alice by hand."""
        return self.platform.book(
            self.calendar, self.alice, start, start + HOUR, self.contact, **more
        )

    def block(self, start: datetime, title: str = "Lunch") -> str:
        """Block an hour of alice by hand."""
        return self.platform.block(self.alice, start, start + HOUR, title)

    def fault(self, kind: FaultKind, **more: Any) -> None:
        """Switch on a fault of the platform."""
        self.platform.faults.add(Fault(kind, **more))

    def sent(self, call: str) -> list[RecordedRequest]:
        """Return the requests of one call (method and template)."""
        return [request for request in self.proxy.requests if request.call == call]


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    """Return a clinic on a loopback socket; its clock moves only while something waits."""
    clock = ManualClock(NOW)
    platform = Platform("clinic", clock, alnum_ids("test"), token=TOKEN)
    alice = platform.add_user("Alice Adams", "alice@example.com")
    bob = platform.add_user("Bob Brown", "bob@example.com")
    group = platform.add_group("Practice")
    proxy = RecordingProxy(platform)
    async with serving([proxy]) as urls:
        instance = Clinic(
            platform,
            clock,
            proxy,
            urls[0],
            alice,
            bob,
            platform.add_calendar("Alice", "personal", [alice], group),
            platform.add_calendar("Bob", "personal", [bob], group),
            platform.add_calendar("Hall", "event"),
            group,
            platform.add_contact("Carla Client", "Carla@example.com", "+4930123456"),
        )
        yield instance
        for system in instance.made:
            await system.aclose()


def hour(start: datetime, **more: Any) -> Value:
    """Return a value of one hour from this start."""
    return Value(start, start + HOUR, **more)


def operation(
    action: Action,
    event: str | None = None,
    after: Value | None = None,
    *,
    before: Value | None = None,
    provider: str = "alice",
    key: str | None = None,
) -> Operation:
    """Return an operation on the clinic."""
    meeting = action in {Action.MOVE_APPOINTMENT, Action.SET_STATUS}
    kind = Kind.APPOINTMENT if meeting else Kind.BLOCK
    return Operation(action, "clinic", provider, kind, event, before, after, key=key)


async def events(system: LeadConnector, window: Window = WINDOW) -> list[Event]:
    """Return all events of a read without faults."""
    snapshot = await system.read(window)
    assert not snapshot.faults
    return [system.event(row) for row in snapshot.rows]


def rows(change: Callable[[list[Any]], Any]) -> Rewrite:
    """Return a rewrite of the rows of a list."""
    return lambda answer: {**answer, "events": change(answer["events"])}


def each(**changes: Any) -> Rewrite:
    """Return a rewrite of fields in every row of a list."""
    return rows(lambda found: [{**row, **changes} for row in found])
