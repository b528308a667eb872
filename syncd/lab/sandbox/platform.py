"""The base of the three emulated platforms: an ASGI application with faults and rate limits.

A platform supplies starlette routes whose endpoints are *synchronous* functions from
`PlatformRequest` to a starlette response. This module does everything around them, in this order:
request log, slowness, lost requests, server errors, rate limit, authorisation, routing, lost
responses, Date header.
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

from syncd.lab.sandbox.absent_times import without_times
from syncd.lab.sandbox.broken_rows import RowDefect, break_first_row, break_rows
from syncd.lab.sandbox.caps import ListCap
from syncd.lab.sandbox.faults import Fault, FaultKind, Faults
from syncd.lab.sandbox.hidden_events import HiddenEvents, bad_request_body
from syncd.lab.sandbox.knobs import FactKnobs
from syncd.lab.sandbox.limit_replies import LimitReply
from syncd.lab.sandbox.odd_responses import ODD_RESPONSES, OddResponse
from syncd.lab.sandbox.odd_rows import insert_odd_values
from syncd.model import floor_to

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.routing import Route
    from starlette.types import Receive, Scope, Send

    from syncd.lab.sandbox.clock import SandboxClock
    from syncd.lab.sandbox.damage import Damage
    from syncd.lab.sandbox.ids import Ids
    from syncd.lab.sandbox.limits import RateLimit

R = TypeVar("R")
_REFUSALS = range(400, 600)
_MARKER = re.compile(r"\s*\[[^\]]*\]")
HTML_ERROR = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class LostResponse(httpx.RemoteProtocolError):
    """The connection broke before the whole reply was sent.

    Over a socket, the server closes the connection and this exception is not visible. Over
    `AsgiTransport` it reaches the client as the error that a broken socket also causes.
    """


class HasInterval(Protocol):
    """A record with an id, a start and an end."""

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def start(self) -> datetime: ...  # noqa: D102

    @property
    def end(self) -> datetime: ...  # noqa: D102


class RefusalError(Exception):
    """An exception with which a handler answers the request early."""

    def __init__(self, response: Response) -> None:
        """Store the response to send."""
        super().__init__(f"refused with HTTP status {response.status_code}")
        self.response = response


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the request log, without personal data. ``status`` is 0 if no reply arrived."""

    at: datetime
    method: str
    path: str
    query: dict[str, str]
    status: int


@dataclass(frozen=True, slots=True)
class PlatformRequest:
    """A request as handlers see it: its path without the base path, and its parameters."""

    method: str
    path: str
    params: Mapping[str, Any]
    query: QueryParams
    headers: Headers
    body: bytes

    def json(self) -> Any:
        """Parse the body; None if it is empty. Raises ValueError if it is not JSON."""
        return json.loads(self.body) if self.body.strip() else None


class Platform(FactKnobs, ABC):
    """One account on one emulated platform: an ASGI application and its state."""

    base_path = ""
    """The path at the end of the base URL, such as /v1. Requests outside of it are unknown."""
    hidden_params: frozenset[str] = frozenset({"email", "phone", "number", "query"})
    """Query parameters that the request log shows as "***"."""
    update_damage: Damage | None = None
    """What a move of an appointment changes beyond its time."""
    status_damage: Damage | None = None
    """What a change of an appointment's status changes beyond the status."""
    lists_overlapping = False
    """Whether lists include events that began before the window and reach into it. No platform
    documents this; false is the harder case for a client."""
    event_lists: tuple[str, ...] = ()
    """The paths of the lists of events."""
    keeps_tag = True
    """Whether a written title keeps its text in square brackets."""
    tells_times = True
    """Whether records show when they were created and last changed. No such field is guaranteed."""

    def __init__(
        self, name: str, clock: SandboxClock, ids: Ids, faults: Faults | None = None
    ) -> None:
        """Start empty and without faults."""
        self.name = name
        self.clock = clock
        self.new_id = ids
        self.faults = faults if faults is not None else Faults()
        self.hidden = HiddenEvents()
        self.damaged: set[str] = set()
        """Ids of the appointments that an update damaged."""
        self.limit: RateLimit | None = None
        self.gateway_limit: RateLimit | None = None
        """A second limit, of the gateway in front of the platform. No header shows it."""
        self.limit_reply: LimitReply | None = None
        """The form of rate-limit refusals; None for the documented form."""
        self.caps: dict[str, ListCap] = {}
        """Caps of lists, by path. A response does not show that it was cut."""
        self.calls: list[Call] = []
        self._list_lag, self._lag_since = 0.0, clock.now()
        self.backdated = timedelta(0)
        """How much earlier than now new records claim to have been created."""
        self.broken_rows: dict[str, RowDefect] = {}
        """What the rows of these events lack in each answer to a read, by id."""
        self._routes = self.routes()

    # --- supplied by each platform ------------------------------------------------------------

    @abstractmethod
    def routes(self) -> Sequence[Route]:
        """Return the paths that are served, without the base path; the first match wins."""

    @abstractmethod
    def authorise(self, request: PlatformRequest) -> Response | None:
        """Return a refusal if credentials or common headers are wrong; None lets the request in."""

    @abstractmethod
    def unknown_route(self, request: PlatformRequest) -> Response:
        """Respond to a path or method that is not served."""

    @abstractmethod
    def unauthorised(self, request: PlatformRequest) -> Response:
        """Return a response with status 401 in the platform's form."""

    @abstractmethod
    def rate_limited(self, request: PlatformRequest, spelling: str) -> Response:
        """Refuse a call beyond the rate limit; ``spelling`` "" is the usual form."""

    def limit_headers(self) -> dict[str, str]:
        """Return the headers that show the client's remaining budget."""
        return {}

    def limit_for(self, request: PlatformRequest) -> RateLimit | None:  # noqa: ARG002 - platforms with several limits use it
        """Return the limit that counts this request."""
        return self.limit

    # --- faults and caps for handlers ---------------------------------------------------------

    def take_fault(self, kind: FaultKind, request: PlatformRequest | None = None) -> Fault | None:
        """Return the first fault of this kind that matches the request, and count one hit.

        Return None if no fault matches.
        """
        if not self.faults:
            return None
        method, path = (request.method, request.path) if request else ("", "")
        return self.faults.take(kind, method, path, self.clock.now())

    @property
    def list_lag(self) -> float:
        """Return how many seconds pass after a write until lists show it."""
        return self._list_lag

    @list_lag.setter
    def list_lag(self, seconds: float) -> None:
        # Lists show everything that was written before the lag was set.
        self._list_lag, self._lag_since = seconds, self.clock.now()

    @property
    def list_cap(self) -> int | None:
        """Return the number of rows at which lists of events are silently cut; None for never."""
        caps = [self.caps[path].rows for path in self.event_lists if path in self.caps]
        return min(caps, default=None)

    @list_cap.setter
    def list_cap(self, rows: int | None) -> None:
        for path in self.event_lists:
            self.caps.pop(path, None)
            if rows is not None:
                self.caps[path] = ListCap(rows)

    def as_of(self, request: PlatformRequest) -> datetime | None:
        """Return the time whose state a list shows, with a lag or the LAG fault; None for now."""
        lag, now = self.take_fault(FaultKind.LAG, request), self.clock.now()
        if lag is None and not self._list_lag:
            return None
        usual = max(now - timedelta(seconds=self._list_lag), self._lag_since)
        return min(usual, now - timedelta(seconds=lag.seconds)) if lag else usual

    def is_in_window(self, event: HasInterval, window: tuple[datetime, datetime]) -> bool:
        """Return true if a list of this window shows the event."""
        if not self.hidden.is_listed(event.id, self.clock.now()):
            return False
        starts_inside = window[0] <= event.start <= window[1]
        reaches_in = self.lists_overlapping and event.start < window[0] < event.end
        return starts_inside or reaches_in

    def apply_list_faults(self, request: PlatformRequest, rows: Sequence[R]) -> list[R]:
        """Return the rows of a list (or page) as faults and caps leave them."""
        if self.take_fault(FaultKind.EMPTY, request):
            return []
        cap = self.caps.get(request.path.rstrip("/"))
        shown = list(rows) if cap is None else cap.apply(rows)
        if shown and self.take_fault(FaultKind.SHORT_PAGE, request):
            shown = shown[: len(shown) - max(1, len(shown) // 3)]
        if shown and self.take_fault(FaultKind.DUPLICATE_ROWS, request):
            shown = [row for row in shown for _ in range(2)]
        return shown

    def stored_time(self, request: PlatformRequest, instant: datetime) -> datetime:
        """Return a written time as it is stored: rounded down by the ROUNDING fault."""
        fault = self.take_fault(FaultKind.ROUNDING, request)
        return floor_to(instant, timedelta(seconds=fault.seconds)) if fault else instant

    def stored_text(self, request: PlatformRequest, text: str) -> str:
        """Return a written text as stored; STRIP_KEYS or ``keeps_tag`` may remove its tags."""
        stripped = self.take_fault(FaultKind.STRIP_KEYS, request) is not None or not self.keeps_tag
        return _MARKER.sub("", text) if stripped else text

    def job_seconds(self, request: PlatformRequest, usual: float = 0.0) -> float:
        """Return how many seconds an asynchronous job takes."""
        fault = self.take_fault(FaultKind.SLOW_JOBS, request)
        return fault.seconds if fault else usual

    def moved_id(self, old: str) -> str:
        """Return the id of an appointment after a person moved it."""
        return self.new_id() if self.take_fault(FaultKind.NEW_ID_ON_MOVE) else old

    def stamp(self) -> datetime:
        """Return the platform's own time, used for update times and the Date header."""
        now = self.clock.now() - self.backdated
        skew = self.faults.active(FaultKind.CLOCK_SKEW, now=now) if self.faults else None
        return now + timedelta(seconds=skew.seconds) if skew else now

    # --- the application ----------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises `LostResponse` if the connection is to break."""
        if scope["type"] != "http":
            message = f"the sandbox serves http, not {scope['type']}"
            raise NotImplementedError(message)
        request = await _read_request(scope, receive, self.base_path)
        if slow := self.take_fault(FaultKind.SLOW, request):
            await self.clock.sleep(slow.seconds)
        response: Response | None = None
        cut = response_lost = False
        if not self.take_fault(FaultKind.LOSE_BEFORE, request):
            response = self._respond(request, scope)
            response_lost = self.take_fault(FaultKind.LOSE_AFTER, request) is not None
            self._spoil(request, response)
            cut = not response_lost and self.take_fault(FaultKind.RESET_BODY, request) is not None
        self._log(request, 0 if response is None or response_lost or cut else response.status_code)
        if response is None or response_lost:
            message = f"{self.name} dropped the connection"
            raise LostResponse(message)
        response.headers.setdefault("Date", format_datetime(self.stamp(), usegmt=True))
        if cut:
            await _send_half(response, send)
            message = f"{self.name} broke off its response"
            raise LostResponse(message)
        await response(scope, receive, send)

    def _respond(self, request: PlatformRequest, scope: Scope) -> Response:
        fault = self.take_fault(FaultKind.ODD_ANSWER, request)
        if fault is None:
            return self._true_response(request, scope)
        odd = ODD_RESPONSES[fault.spelling]
        # A real refusal stays: no odd answer may report success for it.
        real = Response() if odd.refuses else self._true_response(request, scope)
        return real if real.status_code in _REFUSALS else _odd_response(odd, real)

    def _true_response(self, request: PlatformRequest, scope: Scope) -> Response:
        limit = self.limit_for(request)
        if error := self.take_fault(FaultKind.ERROR, request):
            return _server_error(error)
        if limited := self.take_fault(FaultKind.RATE_LIMITED, request):
            return self._told_limit(request, limited.spelling)
        gateway_limit = self.gateway_limit
        if gateway_limit is not None and not gateway_limit.hit(self.clock.now()):
            return (self.limit_reply or LimitReply()).response(
                gateway_limit.max_requests, gateway_limit.interval
            )
        if limit is not None and not limit.hit(self.clock.now()):
            response = self._told_limit(request, "")
        elif self.take_fault(FaultKind.UNAUTHORISED, request):
            response = self.unauthorised(request)
        else:
            response = (
                self.authorise(request) or self._refused(request) or self._route(request, scope)
            )
        for key, value in self.limit_headers().items():
            response.headers[key] = value
        return response

    def _told_limit(self, request: PlatformRequest, spelling: str) -> Response:
        if self.limit_reply is None:
            return self.rate_limited(request, spelling)
        most, seconds = (self.limit.max_requests, self.limit.interval) if self.limit else (25, 5.0)
        return self.limit_reply.response(most, seconds)

    def _spoil(self, request: PlatformRequest, response: Response) -> None:
        """Insert odd rows into the response to a read; count a hit only if the body changed."""
        if request.method != "GET" and "Retrieve" not in request.path:
            return
        now = self.clock.now()
        for kind in _SPOILING:
            fault = self.faults.active(kind, request.method, request.path, now)
            if fault is None:
                continue
            body = _spoilt(bytes(response.body), kind, fault.spelling)
            if body != response.body:
                self.take_fault(kind, request)
                _replace_body(response, body)
        if not self.tells_times:
            _replace_body(response, without_times(bytes(response.body)))
        if self.broken_rows:
            _replace_body(response, break_rows(bytes(response.body), self.broken_rows))

    def _refused(self, request: PlatformRequest) -> Response | None:
        text = self.hidden.refusal_text(request.method, request.path, request.query.get("id"))
        return JSONResponse(bad_request_body(text), 400) if text else None

    def _route(self, request: PlatformRequest, scope: Scope) -> Response:
        local_scope = {**scope, "path": request.path, "root_path": ""}
        for route in self._routes:
            if route.methods and request.method not in route.methods:
                continue
            match, child = route.matches(local_scope)
            if match is Match.FULL:
                routed = PlatformRequest(
                    request.method,
                    request.path,
                    child["path_params"],
                    request.query,
                    request.headers,
                    request.body,
                )
                try:
                    response: Response = route.endpoint(routed)
                except RefusalError as refusal:
                    return refusal.response
                return response
        return self.unknown_route(request)

    def _log(self, request: PlatformRequest, status: int) -> None:
        query = {k: "***" if k in self.hidden_params else v for k, v in request.query.items()}
        self.calls.append(Call(self.clock.now(), request.method, request.path, query, status))


async def _read_request(scope: Scope, receive: Receive, base_path: str) -> PlatformRequest:
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
        return break_first_row(body, RowDefect(spelling or RowDefect.END))
    return insert_odd_values(body, kind, spelling)


def _replace_body(response: Response, body: bytes) -> None:
    response.body = body
    response.headers["content-length"] = str(len(body))


def _odd_response(odd: OddResponse, real: Response) -> Response:
    body = bytes(real.body) if odd.body is None else odd.body
    response = Response(body, odd.status or real.status_code, media_type=real.media_type)
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
