"""Parse working hours: "Mon-Fri 08:00-18:00", "Sat 09:00-13:00", "06:00-22:00"."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

from syncd.config.problems import InvalidValueError
from syncd.model import OpeningHours

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? )?"
    r"(?P<opens>\d\d:[0-5]\d)-(?P<closes>\d\d:[0-5]\d)"
)
_REMEDY = 'Write "08:00-18:00", "Mon-Fri 08:00-18:00", or a list of these.'


def parse_hours(value: object) -> tuple[OpeningHours, ...]:
    """Parse one span or a list of spans; an empty list means at any time.

    Raises InvalidValueError.
    """
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        raise InvalidValueError("not valid working hours", _REMEDY)
    return tuple(_span(text) for text in texts)


def _span(text: object) -> OpeningHours:
    match = _FORM.fullmatch(" ".join(text.lower().split())) if isinstance(text, str) else None
    if match is None:
        raise InvalidValueError("not valid working hours", _REMEDY)
    opens, closes = _minutes(match["opens"]), _minutes(match["closes"])
    if not opens < closes <= 24 * 60:
        raise InvalidValueError(
            "the hours end before they begin",
            'Write two spans for a night: "22:00-24:00", "00:00-06:00".',
        )
    return OpeningHours(_days(match["first"], match["last"]), opens, closes)


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    if first not in _DAYS or (last is not None and last not in _DAYS):
        raise InvalidValueError("unknown day", "Write Mon, Tue, Wed, Thu, Fri, Sat or Sun.")
    begin = _DAYS.index(first)
    end = begin if last is None else _DAYS.index(last)
    return frozenset((begin + step) % 7 for step in range((end - begin) % 7 + 1))


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


WorkingHours = Annotated[
    tuple[OpeningHours, ...], PlainValidator(parse_hours), PlainSerializer(str)
]
