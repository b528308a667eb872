"""The blocks that are ours, wherever they stand: what `syncd cleanup` removes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from syncd.model import Action, IntentState, Kind, TrackedEvent
from syncd.store import rows
from syncd.store.created_ids import Line, read_lines
from syncd.store.errors import StateError
from syncd.store.load import PENDING
from syncd.store.store import Store
from syncd.store.tables import EVENT, INTENT

CHOSEN_REASON = "a person chose it in syncd cleanup: it bears a tag that stands only once"
"""Why a block counts as ours that nothing else proves."""

_MAKER = (
    select(func.min(INTENT.c.provider))
    .where(
        INTENT.c.system == EVENT.c.system,
        INTENT.c.event == EVENT.c.id,
        INTENT.c.action == str(Action.CREATE_BLOCK),
        INTENT.c.state == str(IntentState.DONE),
    )
    .scalar_subquery()
)
_OWNED = (
    select(EVENT, _MAKER.label("maker"))
    .where(
        EVENT.c.mine.is_(True),
        EVENT.c.kind == str(Kind.BLOCK),
        EVENT.c.starts.is_not(None),
    )
    .order_by(EVENT.c.system, EVENT.c.starts, EVENT.c.id)
)
_IN_FLIGHT = select(INTENT.c.event).where(
    PENDING, INTENT.c.system == bindparam("system"), INTENT.c.event.is_not(None)
)
_KNOWN = select(EVENT.c.id).where(
    EVENT.c.system == bindparam("system"), EVENT.c.id == bindparam("event")
)
_MADE = (INTENT.c.action == str(Action.CREATE_BLOCK), INTENT.c.state == str(IntentState.DONE))
_LAST_MADE = select(INTENT.c.id).where(*_MADE, INTENT.c.reason != CHOSEN_REASON).limit(1)
_CHOSEN = select(INTENT.c.system, INTENT.c.event).where(*_MADE, INTENT.c.reason == CHOSEN_REASON)


@dataclass(frozen=True, slots=True)
class OwnedBlock:
    """A block of ours that stands, as last read, and the provider in whose calendar it was made.

    Of a calendar that left the configuration the record itself names no provider any more.
    """

    record: TrackedEvent
    provider: str


def owned_blocks(store: Store) -> list[OwnedBlock]:
    """Load every block of ours that stands, those that are over included. Raises StateError."""
    found = []
    for row in store.query(_OWNED, {}):
        fields = {key: value for key, value in row.items() if key != "maker"}
        record = rows.to_record(fields)
        found.append(OwnedBlock(record, record.provider or row["maker"] or ""))
    return found


def events_in_flight(store: Store, system: str) -> set[str]:
    """Return the events of a system that a write without an outcome is about."""
    return {row["event"] for row in store.query(_IN_FLIGHT, {"system": system})}


def proves_anything(store: Store) -> bool:
    """Whether the state or the file beside it names a single block that a create of ours made.

    Blocks that a person chose by their tags prove nothing of the others.
    """
    if store.query(_LAST_MADE, {}):
        return True
    chosen = {(row["system"], row["event"]) for row in store.query(_CHOSEN, {})}
    if any((each.record.system, each.record.id) not in chosen for each in owned_blocks(store)):
        return True
    newest = None if store.created is None else store.created.newest
    if store.created is None or newest is None:
        return False
    try:
        lines = read_lines(store.created.path) if chosen else iter([newest])
        return any((line.system, line.event) not in chosen for line in lines)
    except (OSError, StateError):
        return True


def untracked_lines(store: Store, system: str, providers: Collection[str], most: int) -> list[Line]:
    """Return lines of the file of created ids for blocks that the state does not know.

    The newest come first; at most so many. A file that cannot be read names none, which
    `CreatedIds.fault` tells.
    """
    created = store.created
    if created is None:
        return []
    try:
        lines = {
            line.event: line
            for line in read_lines(created.path)
            if line.installation == created.installation
            and line.system == system
            and line.provider in providers
        }
    except (OSError, StateError):
        return []
    asked = [{"system": system, "event": event} for event in lines]
    known = {row["id"] for row in store.query(_KNOWN, *asked)}
    return [line for event, line in lines.items() if event not in known][::-1][:most]
