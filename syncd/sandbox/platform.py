"""What the three emulated platforms have in common: one ASGI application with faults and limits.

A platform gives a table of starlette routes whose endpoints are *synchronous* functions from
`PlatformRequest` to a starlette response. Everything around them happens here, in one place and one
order: request log, slowness, lost requests, server errors, rate limit, authorisation, routing, lost
replies, Date.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import httpx
from starlette.datastructures import Headers, QueryParams
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Match

from syncd.model import floor_to
from syncd.sandbox.absent_times import without_times
from syncd.sandbox.broken_rows import Lack, broken, first_broken
from syncd.sandbox.caps import ListCap
from syncd.sandbox.concealed import Concealed, bad_request
from syncd.sandbox.faults import Fault, FaultKind, Faults
from syncd.sandbox.knobs import Knobs
from syncd.sandbox.limit_replies import LimitReply
from syncd.sandbox.odd_answers import ODD_ANSWERS, Odd
from syncd.sandbox.odd_rows import spoilt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.routing import Route
    from starlette.types import Receive, Scope, Send

    from syncd.sandbox.clock import Clock
    from syncd.sandbox.damage import Damage
    from syncd.sandbox.ids import Ids
    from syncd.sandbox.limits import RateLimit

R = TypeVar("R")
_REFUSALS = range(400, 600)
_MARKER = re.compile(r"\s*\[[^\]]*\]")
HTML_ERROR = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class LostReply(httpx.RemoteProtocolError):
    """The connection broke without a (whole) reply.

    Over a socket the server closes the connection and nobody sees this exception. Over httpx's
    ASGITransport it comes out of the client, as the very error that a broken socket gives.
    """


class Timed(Protocol):
    """What has a start and an end."""

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def start(self) -> datetime: ...  # noqa: D102

    @property
    def end(self) -> datetime: ...  # noqa: D102


class RefusalError(Exception):
    """A handler's short way out: the response to give instead."""

    def __init__(self, response: Response) -> None:
        """Keep the response."""
        super().__init__(f"refused with {response.status_code}")
        self.response = response


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the request log, without personal values; ``status`` 0: nobody saw a reply."""

    at: datetime
    method: str
    path: str
    query: dict[str, str]
    status: int


@dataclass(frozen=True, slots=True)
class PlatformRequest:
    """A request as handlers see it: the path without the base path, and its parameters."""

    method: str
    path: str
    params: Mapping[str, Any]
    query: QueryParams
    headers: Headers
    body: bytes

    def json(self) -> Any:
        """Parse the body. Raises ValueError when it is no JSON; an empty body is None."""
        return json.loads(self.body) if self.body.strip() else None


class Platform(Knobs, ABC):
    """One account on one emulated platform: an ASGI application and its state."""

    base_path = ""
    """What the operator's base URL ends in, such as /v1; requests elsewhere are unknown."""
    hidden_params: frozenset[str] = frozenset({"email", "phone", "number", "query"})
    """Query parameters that the request log shows as "***"."""
    update_damage: Damage | None = None
    """What a move of an appointment changes besides."""
    status_damage: Damage | None = None
    """What a change of an appointment's status changes besides."""
    lists_overlapping = False
    """Whether lists show events that began before the time asked for and reach into it. No platform
    documents that; a client is asked for most where they do not."""
    event_lists: tuple[str, ...] = ()
    """The paths of the lists of events."""
    keeps_tag = True
    """Whether a written title comes back with what stands in brackets."""
    tells_times = True
    """Whether records say when they were made and last changed. No field of them is certain."""

    def __init__(self, name: str, clock: Clock, ids: Ids, faults: Faults | None = None) -> None:
        """Start empty and well behaved."""
        self.name = name
        self.clock = clock
        self.new_id = ids
        self.faults = faults if faults is not None else Faults()
        self.concealed = Concealed()
        self.damaged: set[str] = set()
        """The appointments that an update damaged."""
        self.limit: RateLimit | None = None
        self.gateway_limit: RateLimit | None = None
        """A further limit, of the gateway in front: no header tells of it."""
        self.limit_told: LimitReply | None = None
        """How it tells of too many calls; None: in its documented way."""
        self.caps: dict[str, ListCap] = {}
        """Caps of lists, by path: nothing in an answer shows that it was cut."""
        self.calls: list[Call] = []
        self._list_lag, self._lag_since = 0.0, clock.now()
        self.backdated = timedelta(0)
        """How long ago what is entered now is said to have been entered."""
        self.broken_rows: dict[str, Lack] = {}
        """What the rows of these events lack in each answer to a read."""
        self._routes = self.routes()

    # --- what a platform says for itself ------------------------------------------------------

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """The paths it serves, without the base path, first match first."""

    @abstractmethod
    def authorise(self, ask: PlatformRequest) -> Response | None:
        """Refuse a request whose credentials or common headers are wrong; None lets it in."""

    @abstractmethod
    def unknown(self, ask: PlatformRequest) -> Response:
        """Answer a path or verb that is not served."""

    @abstractmethod
    def unauthorised(self, ask: PlatformRequest) -> Response:
        """A 401 in its own words."""

    @abstractmethod
    def rate_limited(self, ask: PlatformRequest, spelling: str) -> Response:
        """Refuse too many calls in its own words; ``spelling`` "" is the usual one."""

    def limit_headers(self) -> dict[str, str]:
        """The headers that tell the client's budget."""
        return {}

    def limit_for(self, ask: PlatformRequest) -> RateLimit | None:  # noqa: ARG002 - for platforms with several
        """The limit that counts this request."""
        return self.limit

    # --- faults that handlers ask for ---------------------------------------------------------

    def fault(self, kind: FaultKind, ask: PlatformRequest | None = None) -> Fault | None:
        """Use up one hit of a fault of this kind; None when there is none."""
        if not self.faults:
            return None
        method, path = (ask.method, ask.path) if ask else ("", "")
        return self.faults.take(kind, method, path, self.clock.now())

    @property
    def list_lag(self) -> float:
        """After how many seconds a list shows what was written, and no fault."""
        return self._list_lag

    @list_lag.setter
    def list_lag(self, seconds: float) -> None:
        # All that was written before is shown: it was written long ago.
        self._list_lag, self._lag_since = seconds, self.clock.now()

    @property
    def list_cap(self) -> int | None:
        """After how many rows the lists of events end, which no answer shows; None for never."""
        caps = [self.caps[path].rows for path in self.event_lists if path in self.caps]
        return min(caps, default=None)

    @list_cap.setter
    def list_cap(self, rows: int | None) -> None:
        for path in self.event_lists:
            self.caps.pop(path, None)
            if rows is not None:
                self.caps[path] = ListCap(rows)

    def as_of(self, ask: PlatformRequest) -> datetime | None:
        """The time whose state a list shows: None for now, or earlier by a lag or under LAG."""
        lag, now = self.fault(FaultKind.LAG, ask), self.clock.now()
        if lag is None and not self._list_lag:
            return None
        usual = max(now - timedelta(seconds=self._list_lag), self._lag_since)
        return min(usual, now - timedelta(seconds=lag.seconds)) if lag else usual

    def lists(self, event: Timed, asked: tuple[datetime, datetime]) -> bool:
        """Whether a list of that time shows an event."""
        if not self.concealed.is_listed(event.id, self.clock.now()):
            return False
        begins = asked[0] <= event.start <= asked[1]
        reaches = self.lists_overlapping and event.start < asked[0] < event.end
        return begins or reaches

    def listed(self, ask: PlatformRequest, rows: Sequence[R]) -> list[R]:
        """The rows of a list (or page) as the client gets to see them."""
        if self.fault(FaultKind.EMPTY, ask):
            return []
        cap = self.caps.get(ask.path.rstrip("/"))
        shown = list(rows) if cap is None else cap.cut(rows)
        if shown and self.fault(FaultKind.SHORT_PAGE, ask):
            shown = shown[: len(shown) - max(1, len(shown) // 3)]
        if shown and self.fault(FaultKind.DUPLICATE_ROWS, ask):
            shown = [row for row in shown for _ in range(2)]
        return shown

    def stored_time(self, ask: PlatformRequest, instant: datetime) -> datetime:
        """A written time as it is kept: rounded down under ROUNDING."""
        fault = self.fault(FaultKind.ROUNDING, ask)
        return floor_to(instant, timedelta(seconds=fault.seconds)) if fault else instant

    def stored_text(self, ask: PlatformRequest, text: str) -> str:
        """A written text as it is kept: without markers under STRIP_KEYS, or by a knob."""
        stripped = self.fault(FaultKind.STRIP_KEYS, ask) is not None or not self.keeps_tag
        return _MARKER.sub("", text) if stripped else text

    def job_seconds(self, ask: PlatformRequest, usual: float = 0.0) -> float:
        """How long an asynchronous job takes."""
        fault = self.fault(FaultKind.SLOW_JOBS, ask)
        return fault.seconds if fault else usual

    def moved_id(self, old: str) -> str:
        """The id of an appointment after a move from outside."""
        return self.new_id() if self.fault(FaultKind.NEW_ID_ON_MOVE) else old

    def stamp(self) -> datetime:
        """The platform's own idea of now, for update times and the Date header."""
        now = self.clock.now() - self.backdated
        skew = self.faults.active(FaultKind.CLOCK_SKEW, now=now) if self.faults else None
        return now + timedelta(seconds=skew.seconds) if skew else now

    # --- the application ----------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises `LostReply` where the connection is to break."""
        if scope["type"] != "http":
            message = f"the sandbox serves http, not {scope['type']}"
            raise NotImplementedError(message)
        ask = await _ask(scope, receive, self.base_path)
        if slow := self.fault(FaultKind.SLOW, ask):
            await self.clock.sleep(slow.seconds)
        response: Response | None = None
        cut = lost = False
        if not self.fault(FaultKind.LOSE_BEFORE, ask):
            response = self._answer(ask, scope)
            lost = self.fault(FaultKind.LOSE_AFTER, ask) is not None
            self._spoil(ask, response)
            cut = not lost and self.fault(FaultKind.RESET_BODY, ask) is not None
        self._log(ask, 0 if response is None or lost or cut else response.status_code)
        if response is None or lost:
            message = f"{self.name} dropped the connection"
            raise LostReply(message)
        response.headers.setdefault("Date", format_datetime(self.stamp(), usegmt=True))
        if cut:
            await _send_half(response, send)
            message = f"{self.name} broke off its reply"
            raise LostReply(message)
        await response(scope, receive, send)

    def _answer(self, ask: PlatformRequest, scope: Scope) -> Response:
        fault = self.fault(FaultKind.ODD_ANSWER, ask)
        if fault is None:
            return self._true_answer(ask, scope)
        odd = ODD_ANSWERS[fault.spelling]
        # A true answer that refuses stands: what replaces it must not say that it was done.
        true = Response() if odd.refuses else self._true_answer(ask, scope)
        return true if true.status_code in _REFUSALS else _odd_answer(odd, true)

    def _true_answer(self, ask: PlatformRequest, scope: Scope) -> Response:
        limit = self.limit_for(ask)
        if error := self.fault(FaultKind.ERROR, ask):
            return _server_error(error)
        if limited := self.fault(FaultKind.RATE_LIMITED, ask):
            return self._told_limit(ask, limited.spelling)
        gateway = self.gateway_limit
        if gateway is not None and not gateway.hit(self.clock.now()):
            return (self.limit_told or LimitReply()).response(gateway.most, gateway.interval)
        if limit is not None and not limit.hit(self.clock.now()):
            response = self._told_limit(ask, "")
        elif self.fault(FaultKind.UNAUTHORISED, ask):
            response = self.unauthorised(ask)
        else:
            response = self.authorise(ask) or self._refused(ask) or self._route(ask, scope)
        for key, value in self.limit_headers().items():
            response.headers[key] = value
        return response

    def _told_limit(self, ask: PlatformRequest, spelling: str) -> Response:
        if self.limit_told is None:
            return self.rate_limited(ask, spelling)
        most, seconds = (self.limit.most, self.limit.interval) if self.limit else (25, 5.0)
        return self.limit_told.response(most, seconds)

    def _spoil(self, ask: PlatformRequest, response: Response) -> None:
        """Put odd rows into what a read shows; a fault is used up only where it shows."""
        if ask.method != "GET" and "Retrieve" not in ask.path:
            return
        now = self.clock.now()
        for kind in _SPOILING:
            fault = self.faults.active(kind, ask.method, ask.path, now)
            if fault is None:
                continue
            body = _spoilt(bytes(response.body), kind, fault.spelling)
            if body != response.body:
                self.fault(kind, ask)
                _replace_body(response, body)
        if not self.tells_times:
            _replace_body(response, without_times(bytes(response.body)))
        if self.broken_rows:
            _replace_body(response, broken(bytes(response.body), self.broken_rows))

    def _refused(self, ask: PlatformRequest) -> Response | None:
        words = self.concealed.words(ask.method, ask.path, ask.query.get("id"))
        return JSONResponse(bad_request(words), 400) if words else None

    def _route(self, ask: PlatformRequest, scope: Scope) -> Response:
        here = {**scope, "path": ask.path, "root_path": ""}
        for route in self._routes:
            if route.methods and ask.method not in route.methods:
                continue
            match, child = route.matches(here)
            if match is Match.FULL:
                found = PlatformRequest(
                    ask.method, ask.path, child["path_params"], ask.query, ask.headers, ask.body
                )
                try:
                    answer: Response = route.endpoint(found)
                except RefusalError as refusal:
                    return refusal.response
                return answer
        return self.unknown(ask)

    def _log(self, ask: PlatformRequest, status: int) -> None:
        query = {k: "***" if k in self.hidden_params else v for k, v in ask.query.items()}
        self.calls.append(Call(self.clock.now(), ask.method, ask.path, query, status))


async def _ask(scope: Scope, receive: Receive, base_path: str) -> PlatformRequest:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    path = scope["path"]
    inside = path.startswith(base_path + "/") if base_path else True
    path = path[len(base_path) :] if inside else f"/outside{path}"
    query = QueryParams(scope["query_string"])
    return PlatformRequest(scope["method"], path, {}, query, Headers(scope=scope), body)


_SPOILING = (
    FaultKind.ODD_TIME,
    FaultKind.HALF_EMOJI,
    FaultKind.ODD_STATUS,
    FaultKind.BROKEN_ROW,
)


def _spoilt(body: bytes, kind: FaultKind, spelling: str) -> bytes:
    if kind is FaultKind.BROKEN_ROW:
        return first_broken(body, Lack(spelling or Lack.END))
    return spoilt(body, kind, spelling)


def _replace_body(response: Response, body: bytes) -> None:
    response.body = body
    response.headers["content-length"] = str(len(body))


def _odd_answer(odd: Odd, true: Response) -> Response:
    """Dress an answer up oddly."""
    body = bytes(true.body) if odd.body is None else odd.body
    response = Response(body, odd.status or true.status_code, media_type=true.media_type)
    response.headers.update(odd.headers)
    return response


def _server_error(fault: Fault) -> Response:
    if fault.spelling == "empty":
        return Response(status_code=fault.status)
    return HTMLResponse(HTML_ERROR.format(f"{fault.status} Server Error"), fault.status)


async def _send_half(response: Response, send: Send) -> None:
    body = bytes(response.body)
    start = {"type": "http.response.start", "status": response.status_code}
    await send({**start, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
