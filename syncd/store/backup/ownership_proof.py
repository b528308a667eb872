"""Find the events that are proven to be ours, and other events with the same tags.

The proof is a journal row of a finished create, with the id that it returned or adopted. If the
journal was lost or is older than the block, a line in the file of created ids is the proof
(docs/design.md#ownership). A tag proves nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, select

from syncd.model import Action, Id, IntentState, Kind, TrackedEvent
from syncd.store.repository.load import PENDING
from syncd.store.store import Store
from syncd.store.tables import rows
from syncd.store.tables.tables import EVENT, INTENT, REPLICA

_CREATE = INTENT.c.action == str(Action.CREATE_BLOCK)
_DONE = INTENT.c.state == str(IntentState.DONE)
_CREATED = select(INTENT.c.event).where(
    _CREATE,
    _DONE,
    INTENT.c.system == bindparam("system"),
    INTENT.c.event == bindparam("event"),
)
_MADE_WITH = select(INTENT.c.system, INTENT.c.event).where(
    _CREATE, _DONE, INTENT.c.key == bindparam("key"), INTENT.c.event.is_not(None)
)
_MADE_FOR = select(INTENT.c.provider).where(
    _CREATE,
    _DONE,
    INTENT.c.system == bindparam("system"),
    INTENT.c.event == bindparam("event"),
)
_UNANSWERED = select(INTENT.c.id).where(_CREATE, PENDING, INTENT.c.key == bindparam("key")).limit(1)
_BEARING = select(EVENT).where(EVENT.c.key == bindparam("key")).order_by(EVENT.c.system, EVENT.c.id)
_LINKED = select(REPLICA.c.booking).where(
    REPLICA.c.system == EVENT.c.system, REPLICA.c.event == EVENT.c.id
)
_ORPHANS = (
    select(EVENT)
    .where(
        EVENT.c.key.is_not(None),
        EVENT.c.mine.is_(False),
        EVENT.c.retired.is_(False),
        EVENT.c.kind == str(Kind.BLOCK),
        EVENT.c.starts.is_not(None),
        EVENT.c.provider != "",
        ~_LINKED.exists(),
    )
    .order_by(EVENT.c.provider, EVENT.c.starts, EVENT.c.system, EVENT.c.id)
)

_UNPLACED = (
    select(EVENT)
    .where(
        EVENT.c.system == bindparam("system"),
        EVENT.c.provider == "",
        EVENT.c.mine.is_(True),
        EVENT.c.retired.is_(False),
        select(INTENT.c.id)
        .where(
            _CREATE,
            _DONE,
            INTENT.c.system == EVENT.c.system,
            INTENT.c.event == EVENT.c.id,
            INTENT.c.provider == bindparam("provider"),
        )
        .exists(),
    )
    .order_by(EVENT.c.id)
)


def created_ids(store: Store, system: str, events: Collection[str]) -> set[str]:
    """Return those of the given event ids of a system that are proven to be created by syncd."""
    parameters = [{"system": system, "event": event} for event in sorted(set(events))]
    created = {row["event"] for row in store.query(_CREATED, *parameters)}
    if store.created is not None:
        created |= store.created.proven(system, set(events) - created)
    return created


def providers_created_for(store: Store, system: str, event: str) -> set[str]:
    """Return the providers for whom an event was created, by the journal or the file of ids."""
    parameters = {"system": system, "event": event}
    providers = {row["provider"] for row in store.query(_MADE_FOR, parameters)}
    if not providers and store.created is not None:
        providers = store.created.providers_of(system, event)
    return providers


def events_with_tag(store: Store, tag: str) -> list[TrackedEvent]:
    """Return every stored event with the tag, in any calendar, including archived ones."""
    return [rows.to_record(row) for row in store.query(_BEARING, {"key": tag})]


def owned_ids_with_tag(store: Store, tag: str, bearing: Collection[TrackedEvent]) -> set[Id]:
    """Return the ids, (system, event), of all blocks of ours with the tag, also deleted ones.

    ``bearing`` are the stored events with the tag.
    """
    owned = {(row["system"], row["event"]) for row in store.query(_MADE_WITH, {"key": tag})}
    owned |= {(record.system, record.id) for record in bearing if record.created_by_us}
    if store.created is not None:
        owned |= store.created.with_tag(tag)
    for system in {record.system for record in bearing}:
        ids = [record.id for record in bearing if record.system == system]
        owned |= {(system, event) for event in created_ids(store, system, ids)}
    return owned


def is_unanswered(store: Store, tag: str) -> bool:
    """Return true if the tag belongs to a create whose outcome is not known yet."""
    return bool(store.query(_UNANSWERED, {"key": tag}))


def orphans(store: Store) -> list[TrackedEvent]:
    """Return the tagged blocks that are neither ours nor linked to a booking as a copy."""
    return [rows.to_record(row) for row in store.query(_ORPHANS, {})]


def unplaced_blocks(store: Store, system: str, provider: str) -> list[TrackedEvent]:
    """Return our blocks that were created for this provider but belong to no calendar now."""
    parameters = {"system": system, "provider": provider}
    return [rows.to_record(row) for row in store.query(_UNPLACED, parameters)]
