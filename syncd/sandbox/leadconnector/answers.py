"""How a v2 location answers: its envelope, its refusals, and whose location it is asked for."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from syncd.sandbox.leadconnector.location import Location
from syncd.sandbox.platform import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.sandbox.leadconnector import wire
    from syncd.sandbox.platform import Ask

    Entry = tuple[str, str, Callable[[Ask], Response]]
    """A verb, a path and the function that answers them."""


class Answers(Location):
    """A location that speaks v2 (leadconnector-v2.md 1.1, 3)."""

    def _check_location(self, location: str | None) -> None:
        if location != self.location_id:
            raise self._refusal(403, "The token does not have access to this location.")

    def _paging(self, ask: Ask) -> tuple[int, int]:
        """The ``limit`` (at most 100) and ``skip`` that a list must be asked with."""
        given = [ask.query.get(key, "") for key in ("limit", "skip")]
        faults = [
            f"{key} must be a number"
            for key, text in zip(("limit", "skip"), given, strict=True)
            if not (text.isascii() and text.isdigit())
        ]
        if faults:
            raise self._refusal(422, faults)
        limit, skip = map(int, given)
        return min(limit, 100), skip

    def _ok(self, **payload: Any) -> Response:
        return self._reply(200, payload)

    def _reply(self, status: int, payload: wire.Json) -> Response:
        return JSONResponse({**payload, "traceId": self._trace()}, status)

    def _error(self, status: int, message: str | list[str]) -> Response:
        phrase = HTTPStatus(status).phrase
        return self._reply(status, {"statusCode": status, "message": message, "error": phrase})

    def _refusal(self, status: int, message: str | list[str]) -> Refusal:
        return Refusal(self._error(status, message))
