"""How a gateway tells that there were too many calls: status, and where in the body the text is."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

PLACES = ("Message", "ExceptionMessage", "error", "nested", "list", "text", "page")
"""The places in a body in which the text was seen, or may be."""


@dataclass(frozen=True, slots=True)
class LimitReply:
    """One way to tell it; a knob of a platform, in place of its documented way."""

    place: str = "Message"
    status: int = 403

    def response(self, most: int, seconds: float) -> Response:
        """Refuse a call that was too many. Raises ValueError for an unknown place."""
        words = f"API calls exceeded the limit of {most} in {int(seconds)} second(s)"
        match self.place:
            case "Message" | "ExceptionMessage" | "error":
                return JSONResponse({self.place: words}, self.status)
            case "nested":
                body = {"statusCode": self.status, "error": {"details": [{"reason": words}]}}
                return JSONResponse(body, self.status)
            case "list":
                return JSONResponse([{"Message": words}], self.status)
            case "text":
                return PlainTextResponse(words, self.status)
            case "page":
                page = f"<html><body><h1>Refused</h1><p>{words}</p></body></html>"
                return HTMLResponse(page, self.status)
            case _:
                message = f"place {self.place!r} is none of {', '.join(PLACES)}"
                raise ValueError(message)
