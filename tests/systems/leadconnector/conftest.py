"""The real adapter against the emulated location, over a loopback socket, with an ear at the door.

The door between them keeps every request, and can spoil answers (or requests) that the emulator
itself never gives: rows without id, wall-clock times, a platform that does not honour a flag.
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

from syncd.model import Action, Event, Kind, Operation, Value, Window
from syncd.sandbox.clock import ManualClock
from syncd.sandbox.faults import Fault, FaultKind
from syncd.sandbox.ids import alnum_ids
from syncd.sandbox.leadconnector import EmulatedLeadConnector as Platform
from syncd.sandbox.serving import serving
from syncd.systems.leadconnector import Account, CalendarMapping, LeadConnector
from tests.sandbox.kit import HOUR, NOW, at

WINDOW = Window(at(0), at(0, 9))
"""A week."""
EVENTS = "GET /calendars/events"
BLOCKED = "GET /calendars/blocked-slots"
TOKEN = "pit-very-secret"
KEY = "abcdefghij"

Body = dict[str, Any]
Spoil = Callable[[Body], Any]


class Seen(NamedTuple):
    """One request as it reached the platform.

    ``template`` is its path in the platform's table, ``path`` as it was sent, with its escapes.
    """

    method: str
    template: str
    path: str
    query: Mapping[str, str]
    headers: Headers
    body: Any

    @property
    def call(self) -> str:
        """Method and template."""
        return f"{self.method} {self.template}"


@dataclass
class Door:
    """An application in front of the platform."""

    platform: Platform
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, tuple[int, Spoil]] = field(default_factory=dict)
    ignored: set[str] = field(default_factory=set)

    def spoil(self, call: str, with_: Spoil, status: int = 200) -> None:
        """Have the answers to a call (method and template) rewritten."""
        self.answers[call] = (status, with_)

    @property
    def calls(self) -> list[str]:
        """Method and template of every request so far."""
        return [request.call for request in self.seen]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the request, pass it on, and rewrite its answer where a test wants so."""
        content = await _content(receive)
        body = json.loads(content) if content else None
        request = Seen(
            scope["method"],
            self._template(scope),
            scope["raw_path"].decode(),
            dict(QueryParams(scope["query_string"])),
            Headers(scope=scope),
            body,
        )
        self.seen.append(request)
        if isinstance(body, dict) and self.ignored & body.keys():
            content = json.dumps({k: v for k, v in body.items() if k not in self.ignored}).encode()

        async def pass_on() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        spoiled = self.answers.get(request.call)
        if spoiled is None:
            await self.platform(scope, pass_on, send)
            return
        heard: list[Message] = []

        async def hear(message: Message) -> None:
            heard.append(message)

        await self.platform(scope, pass_on, hear)
        status, rewrite = spoiled
        told = rewrite(json.loads(heard[1]["body"]))
        answer = told if isinstance(told, bytes) else json.dumps(told).encode()
        headers = [pair for pair in heard[0]["headers"] if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(answer)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _template(self, scope: Scope) -> str:
        found = (r.path for r in self.platform._routes if r.matches(scope)[0] is Match.FULL)
        return next(found, f"unknown: {scope['path']}")


async def _content(receive: Receive) -> bytes:
    content: bytes = b""
    while True:
        message = await receive()
        content += message.get("body", b"")
        if not message.get("more_body"):
            return content


@dataclass
class Clinic:
    """A location, its people and calendars, and adapters that read it; see `build`."""

    platform: Platform
    clock: ManualClock
    door: Door
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
        """Make an adapter; of alice alone unless told otherwise."""
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
        """Alice, booked on her calendar."""
        return {"alice": CalendarMapping(self.alice, (self.calendar,))}

    @property
    def both(self) -> dict[str, CalendarMapping]:
        """Alice and bob, whose calendars are in one group."""
        return {**self.only_alice, "bob": CalendarMapping(self.bob, (self.bobs,))}

    @property
    def room(self) -> dict[str, CalendarMapping]:
        """A hall that is an event calendar and nobody's."""
        return {"hall": CalendarMapping(None, (self.hall,))}

    def book(self, start: datetime, **more: Any) -> str:
        """Enter an hour with alice by hand."""
        return self.platform.book(
            self.calendar, self.alice, start, start + HOUR, self.contact, **more
        )

    def block(self, start: datetime, title: str = "Lunch") -> str:
        """Close an hour of alice's by hand."""
        return self.platform.block(self.alice, start, start + HOUR, title)

    def fault(self, kind: FaultKind, **more: Any) -> None:
        """Switch a fault of the platform on."""
        self.platform.faults.add(Fault(kind, **more))

    def asked(self, call: str) -> list[Seen]:
        """The requests of one call (method and template)."""
        return [request for request in self.door.seen if request.call == call]


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    """A clinic on a loopback socket; its clock moves only by waiting."""
    clock = ManualClock(NOW)
    platform = Platform("clinic", clock, alnum_ids("test"), token=TOKEN)
    alice = platform.add_user("Alice Adams", "alice@example.com")
    bob = platform.add_user("Bob Brown", "bob@example.com")
    group = platform.add_group("Practice")
    door = Door(platform)
    async with serving([door]) as urls:
        made = Clinic(
            platform,
            clock,
            door,
            urls[0],
            alice,
            bob,
            platform.add_calendar("Alice", "personal", [alice], group),
            platform.add_calendar("Bob", "personal", [bob], group),
            platform.add_calendar("Hall", "event"),
            group,
            platform.add_contact("Carla Client", "Carla@example.com", "+4930123456"),
        )
        yield made
        for system in made.made:
            await system.aclose()


def hour(start: datetime, **more: Any) -> Value:
    """An hour from then."""
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
    """An operation on the clinic."""
    meeting = action in {Action.MOVE_APPOINTMENT, Action.SET_STATUS}
    kind = Kind.APPOINTMENT if meeting else Kind.BLOCK
    return Operation(action, "clinic", provider, kind, event, before, after, key=key)


async def events(system: LeadConnector, window: Window = WINDOW) -> list[Event]:
    """All events of a read, which is to be flawless."""
    got = await system.read(window)
    assert not got.faults
    return [system.event(row) for row in got.rows]


def rows(change: Callable[[list[Any]], Any]) -> Spoil:
    """Rewrite the rows of a list."""
    return lambda answer: {**answer, "events": change(answer["events"])}


def each(**changes: Any) -> Spoil:
    """Change the fields of every row of a list."""
    return rows(lambda found: [{**row, **changes} for row in found])
