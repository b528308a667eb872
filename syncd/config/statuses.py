"""The type of `statuses`: a system's own status words, `{ "did not come" = "noshow" }`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, PlainSerializer, PlainValidator

from syncd.config.problems import InvalidValueError, did_you_mean, join_names
from syncd.model import Status, normalize_status

_MEANINGS = tuple(status.value for status in Status)


def _status(value: object) -> Status:
    if isinstance(value, Status):
        return value
    if not isinstance(value, str):
        raise InvalidValueError("not a text", f"Write {join_names(_MEANINGS)}.")
    if value not in _MEANINGS:
        close = did_you_mean(value, _MEANINGS).replace("Choose ", "Write ")
        raise InvalidValueError(f'"{value}" is not a valid status', close)
    return Status(value)


def _words(words: dict[str, Status]) -> dict[str, Status]:
    """Refuse empty words, and words that are equal after normalization."""
    seen: dict[str, str] = {}
    for word in words:
        key = normalize_status(word)
        if not key:
            reason = "the status word contains neither letters nor digits"
            raise InvalidValueError(
                reason, "Write the word that the platform shows.", under=(word,)
            )
        if key in seen:
            reason = f'this is the same word as "{seen[key]}"'
            remedy = "Remove one of them: case, spaces, hyphens and underscores are ignored."
            raise InvalidValueError(reason, remedy, under=(word,))
        seen[key] = word
    return words


StatusName = Annotated[Status, PlainValidator(_status), PlainSerializer(str)]
StatusWords = Annotated[dict[str, StatusName], AfterValidator(_words)]
