"""Recognise a rate limit by its words, whatever the status and wherever in the body they stand.

Gateways in front of a platform answer "too many" as 400, 401, 403, 500 or 503, and put the text
into a field of their own. An ordinary refusal that mentions a limit, of a title's
length or of a page's size, is none: the words must be about calls, a rate or a quota.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from syncd.systems.lenient import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncd.systems.client import Answer

_MOST_BYTES = 16_384
"""An error says within so many bytes what is wrong."""

_MOST_DEPTH = 6
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


def overload_text(answer: Answer, private: Sequence[str] = ()) -> str:
    """Return the text by which an error says "too many calls"; '' if it says no such thing.

    ``private`` are texts that were sent, which an error may repeat. Of a success only a short
    object may be such an error, and only in the words of the one platform that is known to answer
    so: other texts in it are people's.
    """
    if answer.status_code in _SUCCESS:
        return _told_in_success(answer)
    said = "\n".join(_texts(answer))
    repeated = any(_TOO_MANY.search(each) for each in private)
    return said if (_CALLS_IN_SECONDS if repeated else _TOO_MANY).search(said) else ""


def _told_in_success(answer: Answer) -> str:
    body = answer.content
    if len(body) > _SHORT or b"exceeded the limit" not in body:
        return ""
    found = read_json(body, dict[str, object]) or {}
    texts = (each for each in found.values() if isinstance(each, str))
    return next((each for each in texts if _CALLS_IN_SECONDS.search(each)), "")


def _texts(answer: Answer) -> Iterator[str]:
    """Every text in an error's body: of each field, or the page's own without its markup."""
    if len(answer.content) > _MOST_BYTES:
        yield _plain(answer.text[:_MOST_BYTES])
        return
    found = read_json(answer.content, object)
    if isinstance(found, dict | list | str):
        yield from _strings(found, _MOST_DEPTH)
    else:
        yield _plain(answer.text)


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


def _plain(page: str) -> str:
    """The text of a page without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]{0,500}>", " ", page)).split())
