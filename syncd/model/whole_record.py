"""All fields that a platform shows of an event, and which of them a write changed.

A field is known by its name and a keyed digest of its value: names and digests may be stored and
logged, values may not (promise 11).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from syncd.model.types import Status

_MOST_FIELDS = 400
_DEEPEST = 6
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_ODD_NAME = "(other)"
_RESET_TO = frozenset({Status.CONFIRMED, Status.NEW})
"""What an update resets a status to; any other new status was set by somebody."""


class UpdateKind(StrEnum):
    """The two kinds of writes to an appointment."""

    MOVE = "move"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class RecordFields:
    """What each field of a platform's record is for, by the name of its outermost part.

    - ``times``, ``status``: the interval, and the status in all its spellings.
    - ``with_status``: what the platform itself changes along with a status.
    - ``ignored``: update stamps, and parts that belong to another record, such as the customer's.
    """

    times: frozenset[str]
    status: frozenset[str]
    with_status: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


SYNCD_FIELDS = RecordFields(frozenset({"start", "end"}), frozenset({"status"}))
"""Those of a record that is spelt in syncd's own words."""


@dataclass(frozen=True, slots=True)
class WholeRecord:
    """One record as it was read: digests of its fields by name, without empty fields.

    ``key`` names the key of the digests: those of another key cannot be compared.
    """

    fields: Mapping[str, str]
    status: Status
    key: str = ""


def whole_record(tree: object, status: Status, secret: str) -> WholeRecord:
    """Take the fields of a record from its JSON; ``secret`` is the key of the digests."""
    key = blake2b(secret.encode(), digest_size=32).digest()
    found: dict[str, str] = {}
    for name, value in _leaves(tree, (), 0):
        if len(found) < _MOST_FIELDS:
            found[name] = blake2b(value.encode(), digest_size=8, key=key).hexdigest()
    return WholeRecord(found, status, blake2b(b"name", digest_size=4, key=key).hexdigest())


def _leaves(node: object, path: tuple[str, ...], depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict) and depth < _DEEPEST:
        for name, value in node.items():
            shown = name if isinstance(name, str) and _NAME.fullmatch(name) else _ODD_NAME
            yield from _leaves(value, (*path, shown), depth + 1)
    elif not _is_empty(node):
        yield ".".join(path), _spelt(node)


def _is_empty(value: object) -> bool:
    """Whether a field holds nothing: one that is left out means the same."""
    if isinstance(value, dict | list):
        values = value.values() if isinstance(value, dict) else value
        return all(_is_empty(each) for each in values)
    return value is None or value == ""


def _spelt(value: object) -> str:
    """Spell a value; the order of a list means nothing."""
    if isinstance(value, list):
        return json.dumps(sorted(_spelt(each) for each in value))
    return json.dumps(value, sort_keys=True, default=str)


@dataclass(frozen=True, slots=True)
class RecordComparison:
    """What differs after a write: whether what was to change did, and what else changed."""

    took_effect: bool
    other_changes: tuple[str, ...]


def compare_records(
    before: WholeRecord, after: WholeRecord, names: RecordFields, update: UpdateKind, meant: Status
) -> RecordComparison:
    """Compare a record field by field after a move, or after a change of its status.

    A status that differs after a move counts only where updates reset to it, and it is not the one
    that is ``meant``: any other one was set by a person meanwhile.
    """
    changed = {
        name
        for name in before.fields.keys() | after.fields.keys()
        if before.fields.get(name) != after.fields.get(name)
    }
    outer = {name: name.partition(".")[0] for name in changed}
    wanted, allowed = names.times, names.times | names.ignored
    if update is UpdateKind.STATUS:
        wanted, allowed = names.status, names.status | names.with_status | names.ignored
    elif after.status in {before.status, meant} or after.status not in _RESET_TO:
        allowed |= names.status | names.with_status
    took_effect = any(part in wanted for part in outer.values())
    also = sorted(name for name, part in outer.items() if part not in allowed)
    return RecordComparison(took_effect, tuple(also))
