"""Find the blocks that are ours, in every calendar, for `syncd cleanup` to remove."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from syncd.model import Action, IntentState, Kind, TrackedEvent
from syncd.store.backup.created_ids import Line, read_lines
from syncd.store.errors import StateError
from syncd.store.repository.load import PENDING
from syncd.store.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import EVENT, INTENT

CHOSEN_REASON = "a person chose it in syncd cleanup: it bears a tag that stands only once"
"""The journal's reason for a block that an operator chose by its tag, without other proof."""

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
    """An existing block of ours as last read, and the provider for whom it was created.

    The provider is stored here because the tracked event of a calendar that is no longer configured
    has no provider.
    """

    record: TrackedEvent
    provider: str


def owned_blocks(store: Store) -> list[OwnedBlock]:
    """Load every existing block of ours, including past ones. Raises StateError."""
    blocks = []
    for row in store.query(_OWNED, {}):
        fields = {key: value for key, value in row.items() if key != "maker"}
        record = rows.to_record(fields)
        blocks.append(OwnedBlock(record, record.provider or row["maker"] or ""))
    return blocks


def events_in_flight(store: Store, system: str) -> set[str]:
    """Return the ids of a system's events that are the target of a write without an outcome."""
    return {row["event"] for row in store.query(_IN_FLIGHT, {"system": system})}


def proves_anything(store: Store) -> bool:
    """Return true if the state or the file of created ids proves at least one block of ours.

    A block that an operator chose by its tag does not count: the choice proves nothing about other
    blocks.
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

    At most ``most`` lines, newest first; none if the file is unreadable (see `CreatedIds.fault`).
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
    parameters = [{"system": system, "event": event} for event in lines]
    known = {row["id"] for row in store.query(_KNOWN, *parameters)}
    return [line for event, line in lines.items() if event not in known][::-1][:most]
