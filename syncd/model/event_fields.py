"""Compare all fields of a platform's event before and after a write.

Only the name of a field and a keyed digest of its value are used: these may be stored and logged,
values may not: promise 11 (docs/design.md#promises).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from syncd.model.types import Status

_MAX_FIELDS = 400
_MAX_DEPTH = 6
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_ODD_NAME = "(other)"
_RESET_TO = frozenset({Status.CONFIRMED, Status.NEW})
"""The statuses to which an update may reset an event. Any other new status is a manual edit."""


class UpdateKind(StrEnum):
    """The two kinds of writes to an appointment."""

    MOVE = "move"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class FieldPurposes:
    """The purpose of each field of a platform's event, by the outermost part of its name.

    - ``times``, ``status``: the fields of the interval and of the status.
    - ``with_status``: fields that the platform changes together with the status.
    - ``ignored``: update times, and parts of other records, such as the customer's.
    """

    times: frozenset[str]
    status: frozenset[str]
    with_status: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


SYNCD_FIELDS = FieldPurposes(frozenset({"start", "end"}), frozenset({"status"}))
"""The fields of an event in syncd's own form."""


@dataclass(frozen=True, slots=True)
class EventFields:
    """One event as it was read: the digests of its non-empty fields, by field name.

    ``key`` identifies the secret key of the digests. Digests of different keys cannot be compared.
    """

    fields: Mapping[str, str]
    status: Status
    key: str = ""


def event_fields(tree: object, status: Status, secret: str) -> EventFields:
    """Return the digests of all fields in an event's JSON; ``secret`` is the key of the digests."""
    key = blake2b(secret.encode(), digest_size=32).digest()
    digests: dict[str, str] = {}
    for name, value in _leaves(tree, (), 0):
        if len(digests) < _MAX_FIELDS:
            digests[name] = blake2b(value.encode(), digest_size=8, key=key).hexdigest()
    return EventFields(digests, status, blake2b(b"name", digest_size=4, key=key).hexdigest())


def _leaves(node: object, path: tuple[str, ...], depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict) and depth < _MAX_DEPTH:
        for name, value in node.items():
            safe_name = name if isinstance(name, str) and _NAME.fullmatch(name) else _ODD_NAME
            yield from _leaves(value, (*path, safe_name), depth + 1)
    elif not _is_empty(node):
        yield ".".join(path), _canonical(node)


def _is_empty(value: object) -> bool:
    """Return true if a field is empty, which means the same as a missing field."""
    if isinstance(value, dict | list):
        values = value.values() if isinstance(value, dict) else value
        return all(_is_empty(each) for each in values)
    return value is None or value == ""


def _canonical(value: object) -> str:
    """Return a value as text that does not depend on the order of a list."""
    if isinstance(value, list):
        return json.dumps(sorted(_canonical(each) for each in value))
    return json.dumps(value, sort_keys=True, default=str)


@dataclass(frozen=True, slots=True)
class FieldComparison:
    """The result of a write: did the wanted field change, and which other fields changed."""

    took_effect: bool
    other_changes: tuple[str, ...]


def compare_fields(
    before: EventFields,
    after: EventFields,
    names: FieldPurposes,
    update: UpdateKind,
    wanted: Status,
) -> FieldComparison:
    """Compare an event before and after a move or a change of its status, field by field.

    A status that changed during a move is only reported if updates may reset events to this status
    and it is not the ``wanted`` status. Any other new status is a manual edit in the meantime.
    """
    changed = {
        name
        for name in before.fields.keys() | after.fields.keys()
        if before.fields.get(name) != after.fields.get(name)
    }
    outer = {name: name.partition(".")[0] for name in changed}
    target, allowed = names.times, names.times | names.ignored
    if update is UpdateKind.STATUS:
        target, allowed = names.status, names.status | names.with_status | names.ignored
    elif after.status in {before.status, wanted} or after.status not in _RESET_TO:
        allowed |= names.status | names.with_status
    took_effect = any(part in target for part in outer.values())
    also = sorted(name for name, part in outer.items() if part not in allowed)
    return FieldComparison(took_effect, tuple(also))
