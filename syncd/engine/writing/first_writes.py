"""Check the first move and the first status write in an account for side effects.

A platform may change more than the time or the status of an appointment. So the first such write in
each account is made alone. The record is read just before it, and keyed digests of its fields are
stored with the journal. After the write, even after a crash, the record is compared field by field.
If more has changed, the write did damage: no further write of that kind is made in the account
until the operator acknowledges the report.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from syncd.core.conflicts.reported import ItemChanges
from syncd.engine.report.reported_items import log_reported
from syncd.engine.tasks.supervise import supervised
from syncd.engine.writing.context import WriteContext, WriteResult
from syncd.model import (
    Action,
    Changes,
    EventRef,
    Intent,
    IntentState,
    Kind,
    Operation,
    ReportedItem,
    Status,
    Topic,
    Waiting,
    WaitReason,
    is_derived,
)
from syncd.model.event_fields import EventFields, UpdateKind, compare_fields
from syncd.model.platform_facts import NO, YES
from syncd.store.errors import StateError
from syncd.store.queries.reported import acknowledgements_of, open_items_about
from syncd.store.repository.journal import intent_named
from syncd.store.store import Store
from syncd.systems.errors import PlatformError, RejectedError, RetryableError
from syncd.systems.port import Account, Lookups, System
from syncd.systems.replies import Done

log = structlog.get_logger(__name__)

MOVES, STATUSES = "moves_change_only_time", "status_changes_only_status"
INSTANCE_WRITES = "instance_writes"
_FACTS: Mapping[Action, str] = {Action.MOVE_APPOINTMENT: MOVES, Action.SET_STATUS: STATUSES}
_UPDATES = {Action.MOVE_APPOINTMENT: UpdateKind.MOVE, Action.SET_STATUS: UpdateKind.STATUS}

# Names of further facts of a system.
_UNDER_WAY = "first_write"
"""The write that is to be compared, as text (`FirstWrite.to_text`)."""
_DAMAGE = "write_damage"
"""The event that a write damaged, and the fields that it changed, as JSON."""
_ACCEPTED = "accepted_changes"
"""The fields that the operator allows moves and status writes to change, as JSON."""
_SERIES_DAMAGE = "series_damage"
"""The instance whose write changed other instances of its series."""

_STALE = timedelta(minutes=10)
"""After this time, the record of a first write that had no effect is not compared any more."""


@dataclass(frozen=True, slots=True)
class FirstWrite:
    """A first write whose record is to be compared, and the record just before the write.

    ``intent`` is the id of the write's intent. ``meant`` is the status that the write sets, ``at``
    the time at which the record was read.
    """

    intent: str
    event: str
    provider: str
    action: Action
    meant: Status
    at: datetime
    record: EventFields

    def to_text(self) -> str:
        """Return the JSON text that is stored in the state."""
        return json.dumps({**asdict(self), "at": self.at.isoformat()})

    @classmethod
    def of(cls, text: str) -> FirstWrite | None:
        """Parse the stored text; None if it is empty or invalid."""
        try:
            stored = json.loads(text)
            record = stored["record"]
            whole = EventFields(record["fields"], Status(record["status"]), record["key"])
            action, meant = Action(stored["action"]), Status(stored["meant"])
            at = datetime.fromisoformat(stored["at"])
            return cls(
                stored["intent"], stored["event"], stored["provider"], action, meant, at, whole
            )
        except (ValueError, KeyError, TypeError):
            return None


# --- limits ------------------------------------------------------------------------------------


def is_stopped(system: Account) -> bool:
    """Return whether a move or status write in this system did damage, so that writes stop."""
    return any(system.facts.value(fact) == NO for fact in _FACTS.values())


def waiting_updates(system: Account) -> Mapping[Action, WaitReason]:
    """Return the kinds of appointment writes that wait in a system, each with the reason.

    DAMAGED: such a write did damage. FIRST_WRITE: the first write is not compared yet.
    """
    reasons: dict[Action, WaitReason] = {}
    under_way = _under_way(system) is not None
    for action, fact in _FACTS.items():
        known = system.facts.value(fact)
        # If one call makes both changes, damage by one counts for the other. An unmeasured kind of
        # write is not tried on another record while the other kind did damage.
        both = system.capabilities.update_sets_status or known != YES
        if known == NO or (both and is_stopped(system)):
            reasons[action] = WaitReason.DAMAGED
        elif under_way and known != YES:
            reasons[action] = WaitReason.FIRST_WRITE
    return reasons


def damaged_event(system: Account) -> str:
    """Return the id of the event that a write damaged; '' if there is none."""
    return str(_damage(system).get("event", "")) if is_stopped(system) else ""


def defer_first_writes(
    system: Account, operations: Sequence[Operation], context: WriteContext, result: WriteResult
) -> list[Operation]:
    """Return the operations of a plan that may be written now; note the others as unmade.

    ``result`` gets the unmade operations. Only one unchecked first write is made at a time. Blocks
    of a deferred update's booking wait too: a block that makes room for the update must not be
    removed if the first write may stop the update.
    """
    updates = [o for o in operations if _is_update(o) and not _is_known(system, o)]
    if context.repairs or len(updates) < 2:  # noqa: PLR2004
        return list(operations)
    blocks = [o for o in operations if o.kind is Kind.BLOCK]
    deferred = {
        booking
        for update in updates[1:]
        if any(not frozenset(update.bookings).isdisjoint(block.bookings) for block in blocks)
        for booking in update.bookings
    } - {*updates[0].bookings}
    postponed = [o for o in operations if not deferred.isdisjoint(o.bookings)]
    result.unmade.extend(Waiting(o, WaitReason.FIRST_WRITE) for o in postponed)
    return [o for o in operations if deferred.isdisjoint(o.bookings)]


async def limit_first_writes(
    system: System, call: Sequence[Intent], context: WriteContext, result: WriteResult
) -> list[Intent]:
    """Return the writes of a call that are sent now, and begin a first write if one is due.

    The other writes are noted in ``result`` as unmade, with the reason. Raises PlatformError
    if the system accepts no calls.
    """
    if context.repairs:
        return list(call)
    if _under_way(system) is not None and any(_is_update(i.operation) for i in call):
        await confirm_first_write(system, context)
    waiting, damaged = waiting_updates(system), damaged_event(system)
    sent: list[Intent] = []
    under_way = _under_way(system)
    for intent in call:
        operation = intent.operation
        why = waiting.get(operation.action) if _is_update(operation) else None
        repairs_damage = operation.action is Action.SET_STATUS and operation.event == damaged
        own = under_way is not None and under_way.intent == intent.id
        if why is not None and not own and not repairs_damage:
            result.unmade.append(Waiting(operation, why))
        elif not _is_update(operation) or own or repairs_damage or _is_known(system, operation):
            sent.append(intent)
        elif await _begin(system, intent, context):
            sent.append(intent)
            waiting = waiting_updates(system)
        else:
            result.unmade.append(Waiting(operation, WaitReason.UNANSWERED))
    return sent


def _is_update(operation: Operation) -> bool:
    appointment = operation.kind is Kind.APPOINTMENT and operation.action in _FACTS
    return appointment and not is_derived(operation.event or "")


def _is_known(system: Account, operation: Operation) -> bool:
    return system.facts.value(_FACTS[operation.action]) == YES


async def _begin(system: Lookups, intent: Intent, context: WriteContext) -> bool:
    """Begin a first write: store its record; return false if the record cannot be read now."""
    operation = intent.operation
    if operation.after is None:
        return False
    try:
        with supervised(system.name, "reading a record before the first write", RetryableError):
            record = await system.whole(operation.ref)
    except RejectedError as fault:
        log.warning(
            "first write waits: its record cannot be read",
            system=system.name,
            event_id=operation.event,
            why=str(fault),
        )
        return False
    first = FirstWrite(
        intent.id,
        operation.ref.id,
        operation.provider,
        operation.action,
        operation.after.status,
        context.clock.now(),
        record,
    )
    note_fact(system, context.store, _UNDER_WAY, first.to_text())
    return True


# --- comparison --------------------------------------------------------------------------------


async def confirm_first_write(system: Lookups, context: WriteContext) -> None:
    """Compare the record of the first write with its former fields, once the outcome is known.

    Used in each cycle and before the next such write. If no other field changed, writes of this
    kind continue. Otherwise they stop, and `status` reports the record.
    """
    first = _under_way(system)
    if first is None:
        return
    intent = intent_named(context.store, first.intent)
    if intent is not None and intent.state.pending:
        return
    ref = EventRef(system.name, first.provider, first.event, Kind.APPOINTMENT)
    try:
        with supervised(system.name, "comparing a record after the first write", RetryableError):
            record = await system.whole(ref)
    except RejectedError:
        clear_first_write(system, context.store)  # The record is gone: compare the next write.
        return
    except PlatformError as fault:
        log.info(
            "first write not compared yet: its record cannot be read",
            system=system.name,
            why=str(fault),
        )
        return
    if record.key != first.record.key:
        clear_first_write(system, context.store)
        return
    names, update = system.capabilities.field_purposes, _UPDATES[first.action]
    comparison = compare_fields(first.record, record, names, update, first.meant)
    also = [name for name in comparison.other_changes if name not in _accepted(system)]
    done = intent is not None and intent.state is IntentState.DONE
    if also and (done or comparison.took_effect):
        report_damage(system, first.event, first.provider, first.action, also, context)
    elif done and comparison.took_effect:
        note_fact(system, context.store, _FACTS[first.action], YES)
        log.info("first write compared", system=system.name, action=str(first.action), differs=0)
        clear_first_write(system, context.store)
    elif not done or context.clock.now() - first.at > _STALE:
        clear_first_write(system, context.store)


def note_reset_fields(
    system: Account, operation: Operation, reply: Done, context: WriteContext
) -> None:
    """Report damage if the response to an update shows that the update reset other fields.

    Fields that could be restored are no damage, but do not prove that the next write is harmless:
    then the next write is compared.
    """
    if not _is_update(operation):
        return
    times = system.capabilities.field_purposes.times | {"endAt"}
    also = [
        name for name in reply.unrestored if name not in times and name not in _accepted(system)
    ]
    if also:
        event = operation.event or ""
        report_damage(system, event, operation.provider, operation.action, also, context)
    elif reply.restored:
        clear_first_write(system, context.store)


def report_damage(
    system: Account,
    event: str,
    provider: str,
    action: Action,
    also: Sequence[str],
    context: WriteContext,
) -> None:
    """Stop writes like ``action`` in the system and report the record.

    ``also`` are the names of the fields that changed besides those that should. The
    report names the changed fields, never their values.
    """
    damage = {"event": event, "fields": sorted(also)}
    note_fact(system, context.store, _DAMAGE, json.dumps(damage))
    note_fact(system, context.store, _FACTS[action], NO)
    what = "a move" if action is Action.MOVE_APPOINTMENT else "a status change"
    names = ", ".join(sorted(also))
    reason = f"{what} by syncd also changed: {names} (or somebody edited the event just then)"
    log_damage(context, system.name, event, provider, reason)
    clear_first_write(system, context.store)


def log_damage(context: WriteContext, system: str, event: str, provider: str, reason: str) -> None:
    """Store a reported item for a record that a write damaged; ``reason`` is shown by `status`."""
    none, now = timedelta(0), context.clock.now()
    item = ReportedItem(system, event, Topic.DAMAGED, reason, (provider,), none, none, now, now)
    context.store.apply(Changes(reported=[item]))
    log_reported(ItemChanges(begun=[item]))


def log_series_damage(
    system: Account, event: str, provider: str, changed: int, context: WriteContext
) -> None:
    """Report an instance of a series whose write changed other instances, even if restored.

    ``changed`` is the number of other instances that the write changed.
    """
    note_fact(system, context.store, _SERIES_DAMAGE, event)
    reason = f"a write by syncd to this instance changed {changed} other instances of its series"
    log_damage(context, system.name, event, provider, reason)


async def compare_pending(systems: Iterable[System], context: WriteContext) -> None:
    """Compare the pending first writes, and resume writes that the operator allowed."""
    for system in systems:
        _accept(system, context)
        if not is_stopped(system):
            _end(system, str(_damage(system).get("event", "")), _DAMAGE, context)
        if system.facts.value(INSTANCE_WRITES) != NO:
            _end(system, system.facts.value(_SERIES_DAMAGE), _SERIES_DAMAGE, context)
        await confirm_first_write(system, context)


def _accept(system: Account, context: WriteContext) -> None:
    """Allow writes to change the fields that the operator acknowledged, and resume the writes."""
    if not is_stopped(system):
        return
    damage, marks = _damage(system), acknowledgements_of(context.store)
    items = [i for i in _items(system, context) if i.event == damage.get("event")]
    if not items or any(i.inputs != getattr(marks.get(i.digest), "inputs", None) for i in items):
        return
    fields = sorted({*_accepted(system), *damage.get("fields", ())})
    note_fact(system, context.store, _ACCEPTED, json.dumps(fields))
    for fact in _FACTS.values():
        if system.facts.value(fact) == NO:
            note_fact(system, context.store, fact, "")
    log.warning(
        "operator accepted the fields that writes also change", system=system.name, fields=fields
    )


def _end(system: Account, event: str, fact: str, context: WriteContext) -> None:
    """End the report about a damaged event and clear ``fact``, because such writes continue."""
    if not event:
        return
    now = context.clock.now()
    ended = [replace(i, ended_at=now) for i in _items(system, context) if i.event == event]
    context.store.apply(Changes(reported=ended))
    log_reported(ItemChanges(ended=ended))
    note_fact(system, context.store, fact, "")


def _items(system: Account, context: WriteContext) -> list[ReportedItem]:
    return [i for i in open_items_about(context.store, Topic.DAMAGED) if i.system == system.name]


# --- stored facts ------------------------------------------------------------------------------


def _under_way(system: Account) -> FirstWrite | None:
    return FirstWrite.of(system.facts.value(_UNDER_WAY))


def _damage(system: Account) -> dict[str, Any]:
    stored = system.facts.value(_DAMAGE)
    return dict(json.loads(stored)) if stored else {}


def _accepted(system: Account) -> frozenset[str]:
    """Return the fields that the operator allows moves and status writes to change."""
    stored = system.facts.value(_ACCEPTED)
    return frozenset(json.loads(stored)) if stored else frozenset()


def forget_accepted(system: Account) -> None:
    """Withdraw the operator's permission; used when measured facts about writes are forgotten."""
    if _accepted(system):
        system.facts.put(_ACCEPTED, "")


def clear_first_write(system: Account, store: Store) -> None:
    """Stop comparing the current first write; the next write of that kind is compared instead."""
    note_fact(system, store, _UNDER_WAY, "")


def note_fact(system: Account, store: Store, name: str, value: str) -> None:
    """Set a fact of a system and store it at once."""
    system.facts.put(name, value)
    if unsaved := system.facts.unsaved():
        try:
            store.save_health(*unsaved)
        except StateError:
            system.facts.mark_unsaved(unsaved)
            raise
