"""The HTTP API with which the demo and its users change what the emulated platforms hold.

``POST /{system}/{verb}`` takes a JSON body whose times are ISO 8601 with an offset; `VERBS` lists
the verbs and their fields. Errors are 400 for a body that is not a JSON object, 404 for an unknown
system, verb or id, and 422 for a wrong field, always as ``{"error": text}`` that names the cause.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncd.lab.sandbox.broken_rows import RowDefect
from syncd.lab.sandbox.faults import Fault, FaultKind, Faults
from syncd.lab.sandbox.records import PlatformUi
from syncd.lab.sandbox.replies import JsonObject
from syncd.model import utc

if TYPE_CHECKING:
    from starlette.requests import Request

    from syncd.lab.sandbox.platform import Call


class ControlledPlatform(PlatformUi, Protocol):
    """A platform that can be changed, disturbed and inspected."""

    faults: Faults
    calls: list[Call]
    broken_rows: dict[str, RowDefect]

    def set_fact(self, name: str, side: str) -> None:
        """Set the side of an uncertain fact. ``side`` is one of the fact's possible values."""
        ...

    def facts(self) -> dict[str, str]:
        """Return the side of each uncertain fact, by name."""
        ...


# --- fields -------------------------------------------------------------------------------------


def _text(value: object) -> str:
    if not isinstance(value, str):
        message = "must be a string"
        raise ValueError(message)  # noqa: TRY004 - all field readers raise ValueError
    return value


def _instant(value: object) -> datetime:
    try:
        return utc(datetime.fromisoformat(_text(value)))
    except ValueError:
        message = "must be an ISO 8601 time with an offset, such as 2026-11-20T10:00:00+01:00"
        raise ValueError(message) from None


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = "must be a number"
        raise ValueError(message)  # noqa: TRY004 - all field readers raise ValueError
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        message = "must be a whole number, 0 or more"
        raise ValueError(message)
    return value


def _lack(value: object) -> RowDefect:
    try:
        return RowDefect(_text(value))
    except ValueError:
        message = f"must be one of {', '.join(RowDefect)}"
        raise ValueError(message) from None


def _kind(value: object) -> FaultKind:
    try:
        return FaultKind(_text(value))
    except ValueError:
        message = f"must be one of {', '.join(FaultKind)}"
        raise ValueError(message) from None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body: the function that reads it, and whether it is required."""

    read: Callable[[object], object]
    required: bool = True


_SPAN = {"start": Field(_instant), "end": Field(_instant)}
_ID = {"id": Field(_text)}
_FAULT = {
    "kind": Field(_kind),
    "path": Field(_text, required=False),
    "method": Field(_text, required=False),
    "times": Field(_count, required=False),
    "until": Field(_instant, required=False),
    "seconds": Field(_seconds, required=False),
    "status": Field(_count, required=False),
    "spelling": Field(_text, required=False),
}


@dataclass(frozen=True, slots=True)
class Verb:
    """One action that somebody takes on a platform, as a call of the control API.

    ``act`` is the platform's method, and ``fields`` are its arguments by the names in the request's
    body. The response has one key, ``reply_key``, with the value that the method returns; if the
    method returns nothing, it has the value of the request's field with that name.
    """

    act: Callable[..., object]
    fields: Mapping[str, Field]
    status: int = 200
    reply_key: str = "id"


def _seek(platform: PlatformUi, event_id: str) -> None:
    known = {each.id for each in platform.appointments()} | {each.id for each in platform.blocks()}
    if event_id not in known:
        message = f"there is no event {event_id}"
        raise LookupError(message)


def _break(platform: ControlledPlatform, id: str, lack: RowDefect) -> None:
    _seek(platform, id)
    platform.broken_rows[id] = lack


def _repair(platform: ControlledPlatform, id: str) -> None:
    _seek(platform, id)
    platform.broken_rows.pop(id, None)


def _book_service(platform: PlatformUi, **arguments: object) -> object:
    book = getattr(platform, "book_service", None)
    if book is None:
        message = "this platform has no service menus"
        raise ValueError(message)
    return book(**arguments)


VERBS: Mapping[str, Verb] = {
    "book": Verb(
        lambda platform, **arguments: platform.book(**arguments),
        {
            "calendar": Field(_text),
            "user": Field(_text),
            **_SPAN,
            "contact": Field(_text),
            "status": Field(_text, required=False),
            "title": Field(_text, required=False),
        },
        201,
    ),
    "book-service": Verb(
        _book_service,
        {
            "calendar": Field(_text),
            "user": Field(_text),
            **_SPAN,
            "contact": Field(_text),
            "title": Field(_text, required=False),
        },
        201,
    ),
    "move": Verb(
        lambda platform, **arguments: platform.move(**arguments),
        {**_ID, **_SPAN, "user": Field(_text, required=False)},
    ),
    "set-status": Verb(
        lambda platform, **arguments: platform.set_status(**arguments),
        {**_ID, "status": Field(_text)},
    ),
    "cancel": Verb(lambda platform, **arguments: platform.cancel(**arguments), _ID),
    "delete": Verb(lambda platform, **arguments: platform.delete(**arguments), _ID),
    "break-row": Verb(_break, {**_ID, "lack": Field(_lack)}),
    "repair-row": Verb(_repair, _ID),
    "block": Verb(
        lambda platform, **arguments: platform.block(**arguments),
        {
            "user": Field(_text),
            **_SPAN,
            "title": Field(_text),
            "calendar": Field(_text, required=False),
        },
        201,
    ),
    "move-block": Verb(
        lambda platform, **arguments: platform.move_block(**arguments), {**_ID, **_SPAN}
    ),
    "remove-block": Verb(lambda platform, **arguments: platform.remove_block(**arguments), _ID),
    "copy-block": Verb(
        lambda platform, **arguments: platform.copy_block(**arguments),
        {
            **_ID,
            "user": Field(_text),
            **_SPAN,
            "calendar": Field(_text, required=False),
            "contact": Field(_text, required=False),
        },
        201,
    ),
    "add-text": Verb(
        lambda platform, **arguments: platform.add_text(**arguments), {**_ID, "text": Field(_text)}
    ),
    "rename-user": Verb(
        lambda platform, **arguments: platform.rename_user(**arguments),
        {"user": Field(_text), "new": Field(_text)},
    ),
    "merge-users": Verb(
        lambda platform, **arguments: platform.merge_users(**arguments),
        {"user": Field(_text), "into": Field(_text)},
    ),
    "set-fact": Verb(
        lambda platform, **arguments: platform.set_fact(**arguments),
        {"name": Field(_text), "side": Field(_text)},
        reply_key="side",
    ),
}


# --- application --------------------------------------------------------------------------------


def control_app(systems: Mapping[str, ControlledPlatform]) -> Starlette:
    """Build the control API of these systems."""
    control = _Control(systems)
    return Starlette(
        routes=[
            Route("/{system}/faults", control.add_fault, methods=["POST"]),
            Route("/{system}/faults", control.clear_faults, methods=["DELETE"]),
            Route("/{system}/state", control.state, methods=["GET"]),
            Route("/{system}/facts", control.facts, methods=["GET"]),
            Route("/{system}/calls", control.calls, methods=["GET"]),
            Route("/{system}/{verb}", control.act, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _refuse},
    )


class _Control:
    """The endpoints of the control API."""

    def __init__(self, systems: Mapping[str, ControlledPlatform]) -> None:
        self.systems = systems

    async def act(self, request: Request) -> Response:
        platform = self._system(request)
        name = request.path_params["verb"]
        if name not in VERBS:
            raise HTTPException(404, f"unknown verb {name!r}; the verbs are: {', '.join(VERBS)}")
        verb = VERBS[name]
        arguments = await _body(request, verb.fields)
        try:
            result = verb.act(platform, **arguments)
        except LookupError as error:
            raise HTTPException(404, _words(error)) from None
        except ValueError as error:
            raise HTTPException(422, _words(error)) from None
        return JSONResponse({verb.reply_key: result or arguments[verb.reply_key]}, verb.status)

    async def add_fault(self, request: Request) -> Response:
        faults = self._system(request).faults
        arguments = await _body(request, _FAULT)
        try:
            faults.add(Fault(**arguments))
        except ValueError as error:
            raise HTTPException(422, _words(error)) from None
        return JSONResponse({"kind": arguments["kind"]}, 201)

    async def clear_faults(self, request: Request) -> Response:
        faults = self._system(request).faults
        kind = request.query_params.get("kind")
        try:
            faults.clear(_kind(kind) if kind else None)
        except ValueError as error:
            raise HTTPException(422, f"kind: {_words(error)}") from None
        return Response(status_code=204)

    async def state(self, request: Request) -> Response:
        platform = self._system(request)
        return _json(
            {
                "appointments": [asdict(each) for each in platform.appointments()],
                "blocks": [asdict(each) for each in platform.blocks()],
            }
        )

    async def facts(self, request: Request) -> Response:
        return _json({"facts": self._system(request).facts()})

    async def calls(self, request: Request) -> Response:
        platform = self._system(request)
        injected = {kind.value: count for kind, count in platform.faults.injected.items()}
        return _json({"calls": [asdict(each) for each in platform.calls], "faults": injected})

    def _system(self, request: Request) -> ControlledPlatform:
        name = request.path_params["system"]
        if name not in self.systems:
            raise HTTPException(
                404, f"unknown system {name!r}; the systems are: {', '.join(self.systems)}"
            )
        return self.systems[name]


async def _refuse(_: Request, error: Exception) -> Response:
    if not isinstance(
        error, HTTPException
    ):  # the handler is only registered for it; mypy cannot know
        raise error
    return JSONResponse({"error": error.detail}, error.status_code)


async def _body(request: Request, fields: Mapping[str, Field]) -> JsonObject:
    """Read the fields of a body. Raises HTTPException 400 or 422 that names every wrong field."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise HTTPException(400, "the body must be a JSON object")
    errors = [f"{name}: unknown field" for name in body if name not in fields]
    values: JsonObject = {}
    for name, field in fields.items():
        if body.get(name) is None:
            if field.required:
                errors.append(f"{name}: missing")
            continue
        try:
            values[name] = field.read(body[name])
        except ValueError as error:
            errors.append(f"{name}: {_words(error)}")
    if errors:
        raise HTTPException(422, "; ".join(errors))
    return values


def _words(error: Exception) -> str:
    """Return the message of an error without the quotes that str() adds to a KeyError."""
    return str(error.args[0]) if error.args else type(error).__name__


def _json(content: JsonObject) -> Response:
    text = json.dumps(content, default=lambda instant: instant.isoformat())
    return Response(text, media_type="application/json")
