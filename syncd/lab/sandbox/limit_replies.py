"""Undocumented forms of a rate-limit refusal: the status, and the place of the text in the body."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

REPLY_PLACES = ("Message", "ExceptionMessage", "error", "nested", "list", "text", "page")
"""The places in a body where the text was seen or may be."""


@dataclass(frozen=True, slots=True)
class LimitReply:
    """One form of refusal, to be used instead of the platform's documented one."""

    place: str = "Message"
    status: int = 403

    def response(self, most: int, seconds: float) -> Response:
        """Return the refusal of a call beyond ``most`` calls in ``seconds``.

        Raises ValueError if `place` is none of the places of the message.
        """
        text = f"API calls exceeded the limit of {most} in {int(seconds)} second(s)"
        match self.place:
            case "Message" | "ExceptionMessage" | "error":
                return JSONResponse({self.place: text}, self.status)
            case "nested":
                body = {"statusCode": self.status, "error": {"details": [{"reason": text}]}}
                return JSONResponse(body, self.status)
            case "list":
                return JSONResponse([{"Message": text}], self.status)
            case "text":
                return PlainTextResponse(text, self.status)
            case "page":
                page = f"<html><body><h1>Refused</h1><p>{text}</p></body></html>"
                return HTMLResponse(page, self.status)
            case _:
                message = f"place {self.place!r} is not one of {', '.join(REPLY_PLACES)}"
                raise ValueError(message)
