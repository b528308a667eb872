"""Recognise a rate limit by the error text, whatever the status and the field of the text.

Gateways in front of a platform answer "too many requests" with 400, 401, 403, 500 or 503, and put
the text into fields of their own. A refusal that mentions another limit, such as the length of a
title or the size of a page, does not count: the text must be about calls, a rate or a quota.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from syncd.systems.lenient import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncd.systems.client import HttpResponse

_MAX_BYTES = 16_384
"""Bytes of an error body that are decoded; of a longer one, only the beginning is searched."""

_MAX_DEPTH = 6
_SHORT = 4_096
_SUCCESS = range(200, 300)

_CALLS = r"(?:api[ _-]?)?(?:calls?|requests?|hits)"
_LIMIT = r"(?:limits?|quotas?)"
_OVER = r"(?:exceed(?:ed|s|ing)?|reached|exhausted|over|hit)"
_NAMED = rf"(?:rate|api|{_CALLS}|throttling|daily)"
_PATTERNS = (
    rf"\btoo[ _-]?many[ _-]?(?:concurrent )?{_CALLS}\b",
    rf"\b{_CALLS} {_OVER} (?:the |your )?(?:\w+ ){{0,2}}{_LIMIT}\b",
    rf"\b{_NAMED}(?: \w+)?[ _-]?{_LIMIT} (?:\w+ ){{0,3}}{_OVER}\b",
    rf"\b{_OVER} (?:the |your |its )?(?:\w+ ){{0,2}}{_NAMED}(?: \w+)?[ _-]?{_LIMIT}\b",
    rf"\b{_OVER} (?:the |your )?(?:\w+ )?limit of \d+ {_CALLS}\b",
    r"rate[ _-]?limit(?:ed\b|[ _-]?(?:is |was )?exceed)",
    r"\bthrottl(?:ed|ingexception)\b",
)
_TOO_MANY = re.compile("|".join(_PATTERNS), re.IGNORECASE)

_CALLS_IN_SECONDS = re.compile(
    rf"\b{_CALLS} exceeded the limit of \d+ in \d+ second", re.IGNORECASE
)


def overload_text(response: HttpResponse, private: Sequence[str] = ()) -> str:
    """Return the text of a response that reports too many calls; '' for other responses.

    ``private`` are texts of the request, which an error may repeat. A success counts only if it is
    a short object with LeadSquared's exact words: other texts in it may be a customer's.
    """
    if response.status_code in _SUCCESS:
        return _overload_in_success(response)
    words = "\n".join(_texts(response))
    may_be_repeated = any(_TOO_MANY.search(each) for each in private)
    return words if (_CALLS_IN_SECONDS if may_be_repeated else _TOO_MANY).search(words) else ""


def _overload_in_success(response: HttpResponse) -> str:
    body = response.content
    if len(body) > _SHORT or b"exceeded the limit" not in body:
        return ""
    fields = read_json(body, dict[str, object]) or {}
    texts = (each for each in fields.values() if isinstance(each, str))
    return next((each for each in texts if _CALLS_IN_SECONDS.search(each)), "")


def _texts(response: HttpResponse) -> Iterator[str]:
    """Yield every text in an error's body: each JSON string, or an HTML page without markup."""
    if len(response.content) > _MAX_BYTES:
        yield _without_markup(response.text[:_MAX_BYTES])
        return
    decoded = read_json(response.content, object)
    if isinstance(decoded, dict | list | str):
        yield from _strings(decoded, _MAX_DEPTH)
    else:
        yield _without_markup(response.text)


def _strings(value: object, depth: int) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict() if depth:
            for each in value.values():
                yield from _strings(each, depth - 1)
        case list() if depth:
            for each in value:
                yield from _strings(each, depth - 1)


def _without_markup(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]{0,500}>", " ", page)).split())
