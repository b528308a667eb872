"""The first move and the first status write in an account: made alone, and compared.

Nobody knows what a platform changes besides when an appointment is moved or gets another status. So
the first such write in each account is made alone: the record is read just before, its fields are
kept with the journal as keyed digests, and it is compared field by field afterwards, also after a
crash. Where more than that has changed, no further such write is made there until a person says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from syncd.core.reported import ItemChanges
from syncd.engine.reported_items import log_reported
from syncd.engine.supervise import supervised
from syncd.model import (
    Action,
    Changes,
    EventRef,
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
from syncd.model.platform_facts import NO, YES
from syncd.model.whole_record import Update, WholeRecord, compare_records
from syncd.store.errors import StateError
from syncd.store.journal import intent_named
from syncd.store.reported import acknowledgements_of, open_about
from syncd.store.store import Store
from syncd.systems.port import Done, PlatformError, RejectedError, RetryableError, System

if TYPE_CHECKING:
    from syncd.engine.writer import WriteContext, WriteResult
    from syncd.model import Intent

log = structlog.get_logger(__name__)

MOVES, STATUSES = "moves_change_only_time", "status_changes_only_status"
INSTANCE_WRITES = "instance_writes"
_FACTS: Mapping[Action, str] = {Action.MOVE_APPOINTMENT: MOVES, Action.SET_STATUS: STATUSES}
_UPDATES = {Action.MOVE_APPOINTMENT: Update.MOVE, Action.SET_STATUS: Update.STATUS}

_UNDER_WAY = "first_write"
_DAMAGE = "write_damage"
_ACCEPTED = "accepted_changes"
_SERIES_DAMAGE = "series_damage"
"""Further facts of a system: the write that is to be compared; what one damaged; which fields a
person accepts that such writes change; the instance whose write changed its series."""

_STALE = timedelta(minutes=10)
"""After so long a record that does not show a write is compared no more."""


@dataclass(frozen=True, slots=True)
class FirstWrite:
    """A write that is to be compared, and the record as it was just before."""

    intent: str
    event: str
    provider: str
    action: Action
    meant: Status
    at: datetime
    record: WholeRecord

    def to_text(self) -> str:
        """Spell it for the state."""
        return json.dumps({**asdict(self), "at": self.at.isoformat()})

    @classmethod
    def of(cls, text: str) -> FirstWrite | None:
        """Read what the state holds; None for nothing, and for what cannot be read."""
        try:
            said = json.loads(text)
            record = said["record"]
            whole = WholeRecord(record["fields"], Status(record["status"]), record["key"])
            action, meant = Action(said["action"]), Status(said["meant"])
            at = datetime.fromisoformat(said["at"])
            return cls(said["intent"], said["event"], said["provider"], action, meant, at, whole)
        except (ValueError, KeyError, TypeError):
            return None


# --- what waits --------------------------------------------------------------------------------


def is_stopped(system: System) -> bool:
    """Whether a write there was seen to change too much."""
    return any(system.facts.value(fact) == NO for fact in _FACTS.values())


def held_updates(system: System) -> Mapping[Action, WaitReason]:
    """Return the kinds of writes to appointments that wait in a system, and why."""
    found: dict[Action, WaitReason] = {}
    under_way = _under_way(system) is not None
    for action, fact in _FACTS.items():
        known = system.facts.value(fact)
        # Where one call does both, the damage of one is that of the other. And what is not measured
        # yet is not tried on a further record where the other kind of write did damage.
        both = system.capabilities.update_sets_status or known != YES
        if known == NO or (both and is_stopped(system)):
            found[action] = WaitReason.DAMAGED
        elif under_way and known != YES:
            found[action] = WaitReason.FIRST_WRITE
    return found


def damaged_event(system: System) -> str:
    """Return the event that a write damaged; '' for none."""
    return str(_damage(system).get("event", "")) if is_stopped(system) else ""


def one_at_a_time(
    system: System, operations: Sequence[Operation], desk: WriteContext, result: WriteResult
) -> list[Operation]:
    """Return what of a plan may be written; further first writes wait, and so do their blocks.

    A block that makes room for an update must not go before it is known that the update is made:
    the first one may have to stop it.
    """
    updates = [o for o in operations if _is_update(o) and not _is_known(system, o)]
    if desk.repairs or len(updates) < 2:  # noqa: PLR2004
        return list(operations)
    blocks = [o for o in operations if o.kind is Kind.BLOCK]
    later = {
        booking
        for update in updates[1:]
        if any(not frozenset(update.bookings).isdisjoint(block.bookings) for block in blocks)
        for booking in update.bookings
    } - {*updates[0].bookings}
    waits = [o for o in operations if not later.isdisjoint(o.bookings)]
    result.unmade.extend(Waiting(o, WaitReason.FIRST_WRITE) for o in waits)
    return [o for o in operations if later.isdisjoint(o.bookings)]


async def first_writes_only(
    system: System, call: Sequence[Intent], desk: WriteContext, result: WriteResult
) -> list[Intent]:
    """Return what of a call is sent now; the rest waits. The first write there is begun.

    Raises PlatformError where the system as a whole takes no call.
    """
    if desk.repairs:
        return list(call)
    if _under_way(system) is not None and any(_is_update(i.operation) for i in call):
        await confirm_first_write(system, desk)
    held, damaged = held_updates(system), damaged_event(system)
    sent: list[Intent] = []
    under_way = _under_way(system)
    for intent in call:
        operation = intent.operation
        why = held.get(operation.action) if _is_update(operation) else None
        repairs = operation.action is Action.SET_STATUS and operation.event == damaged
        own = under_way is not None and under_way.intent == intent.id
        if why is not None and not own and not repairs:
            result.unmade.append(Waiting(operation, why))
        elif not _is_update(operation) or own or repairs or _is_known(system, operation):
            sent.append(intent)
        elif await _begin(system, intent, desk):
            sent.append(intent)
            held = held_updates(system)
        else:
            result.unmade.append(Waiting(operation, WaitReason.UNANSWERED))
    return sent


def _is_update(operation: Operation) -> bool:
    appointment = operation.kind is Kind.APPOINTMENT and operation.action in _FACTS
    return appointment and not is_derived(operation.event or "")


def _is_known(system: System, operation: Operation) -> bool:
    return system.facts.value(_FACTS[operation.action]) == YES


async def _begin(system: System, intent: Intent, desk: WriteContext) -> bool:
    """Read the whole record and keep its digests; False where it cannot be read now."""
    operation = intent.operation
    if operation.after is None:
        return False
    try:
        with supervised(system.name, "reading a record before the first write", RetryableError):
            record = await system.whole(operation.ref)
    except RejectedError as fault:
        log.warning(
            "first write waits", system=system.name, event_id=operation.event, why=str(fault)
        )
        return False
    first = FirstWrite(
        intent.id,
        operation.ref.id,
        operation.provider,
        operation.action,
        operation.after.status,
        desk.clock.now(),
        record,
    )
    note_fact(system, desk.store, _UNDER_WAY, first.to_text())
    return True


# --- what came of it ---------------------------------------------------------------------------


async def confirm_first_write(system: System, desk: WriteContext) -> None:
    """Compare the record of the first write with what it was, once the outcome of that is known."""
    first = _under_way(system)
    if first is None:
        return
    intent = intent_named(desk.store, first.intent)
    if intent is not None and intent.state.pending:
        return
    ref = EventRef(system.name, first.provider, first.event, Kind.APPOINTMENT)
    try:
        with supervised(system.name, "comparing a record after the first write", RetryableError):
            record = await system.whole(ref)
    except RejectedError:
        forget_first(system, desk.store)  # It is not there any more: the next write is compared.
        return
    except PlatformError as fault:
        log.info("first write not compared yet", system=system.name, why=str(fault))
        return
    if record.key != first.record.key:
        forget_first(system, desk.store)
        return
    names, update = system.capabilities.record_fields, _UPDATES[first.action]
    found = compare_records(first.record, record, names, update, first.meant)
    also = [name for name in found.also if name not in _accepted(system)]
    done = intent is not None and intent.state is IntentState.DONE
    if also and (done or found.took_effect):
        report_damage(system, first.event, first.provider, first.action, also, desk)
    elif done and found.took_effect:
        note_fact(system, desk.store, _FACTS[first.action], YES)
        log.info("first write compared", system=system.name, action=str(first.action), differs=0)
        forget_first(system, desk.store)
    elif not done or desk.clock.now() - first.at > _STALE:
        forget_first(system, desk.store)


def record_reset(system: System, operation: Operation, reply: Done, desk: WriteContext) -> None:
    """Take note of what an update itself says that it reset besides what it was to change.

    What could be put back is no damage, and no proof that the next one will be harmless.
    """
    if not _is_update(operation):
        return
    times = system.capabilities.record_fields.times | {"endAt"}
    also = [name for name in reply.lost if name not in times and name not in _accepted(system)]
    if also:
        event = operation.event or ""
        report_damage(system, event, operation.provider, operation.action, also, desk)
    elif reply.restored:
        forget_first(system, desk.store)


def report_damage(
    system: System,
    event: str,
    provider: str,
    action: Action,
    also: Sequence[str],
    desk: WriteContext,
) -> None:
    """Stop such writes there, and report the record; fields are named, their values never."""
    damage = {"event": event, "fields": sorted(also)}
    note_fact(system, desk.store, _DAMAGE, json.dumps(damage))
    note_fact(system, desk.store, _FACTS[action], NO)
    what = "the move" if action is Action.MOVE_APPOINTMENT else "the change of status"
    names = ", ".join(sorted(also))
    reason = f"{what} by syncd changed also: {names}, or somebody edited it at that moment"
    log_damage(desk, system.name, event, provider, reason)
    forget_first(system, desk.store)


def log_damage(desk: WriteContext, system: str, event: str, provider: str, reason: str) -> None:
    """Report a record that a write damaged."""
    none, now = timedelta(0), desk.clock.now()
    item = ReportedItem(system, event, Topic.DAMAGED, reason, (provider,), none, none, now, now)
    desk.store.apply(Changes(reported=[item]))
    log_reported(ItemChanges(begun=[item]))


def log_series_damage(
    system: System, event: str, provider: str, changed: int, desk: WriteContext
) -> None:
    """Report an instance of a series whose write changed others, although these were put back."""
    note_fact(system, desk.store, _SERIES_DAMAGE, event)
    reason = f"a write by syncd to this instance changed {changed} others of its series"
    log_damage(desk, system.name, event, provider, reason)


async def compare_pending(systems: Iterable[System], desk: WriteContext) -> None:
    """Compare what is still to be compared, and let go on what a person released."""
    for system in systems:
        _accept(system, desk)
        if not is_stopped(system):
            _end(system, str(_damage(system).get("event", "")), _DAMAGE, desk)
        if system.facts.value(INSTANCE_WRITES) != NO:
            _end(system, system.facts.value(_SERIES_DAMAGE), _SERIES_DAMAGE, desk)
        await confirm_first_write(system, desk)


def _accept(system: System, desk: WriteContext) -> None:
    """Let writes change the fields that a person has acknowledged as changed, and go on."""
    if not is_stopped(system):
        return
    damage, marks = _damage(system), acknowledgements_of(desk.store)
    items = [i for i in _items(system, desk) if i.event == damage.get("event")]
    if not items or any(i.inputs != getattr(marks.get(i.digest), "inputs", None) for i in items):
        return
    fields = sorted({*_accepted(system), *damage.get("fields", ())})
    note_fact(system, desk.store, _ACCEPTED, json.dumps(fields))
    for fact in _FACTS.values():
        if system.facts.value(fact) == NO:
            note_fact(system, desk.store, fact, "")
    log.warning("changes by writes accepted", system=system.name, fields=fields)


def _end(system: System, event: str, fact: str, desk: WriteContext) -> None:
    """End the report of an event, as writes of its kind go on."""
    if not event:
        return
    now = desk.clock.now()
    ended = [replace(i, ended_at=now) for i in _items(system, desk) if i.event == event]
    desk.store.apply(Changes(reported=ended))
    log_reported(ItemChanges(ended=ended))
    note_fact(system, desk.store, fact, "")


def _items(system: System, desk: WriteContext) -> list[ReportedItem]:
    return [i for i in open_about(desk.store, Topic.DAMAGED) if i.system == system.name]


# --- what is kept ------------------------------------------------------------------------------


def _under_way(system: System) -> FirstWrite | None:
    return FirstWrite.of(system.facts.value(_UNDER_WAY))


def _damage(system: System) -> dict[str, Any]:
    said = system.facts.value(_DAMAGE)
    return dict(json.loads(said)) if said else {}


def _accepted(system: System) -> frozenset[str]:
    """Return the fields that a person accepts to be changed by such writes."""
    said = system.facts.value(_ACCEPTED)
    return frozenset(json.loads(said)) if said else frozenset()


def forget_accepted(system: System) -> None:
    """Withdraw a person's consent to what writes change, with what was measured of them."""
    if _accepted(system):
        system.facts.put(_ACCEPTED, "")


def forget_first(system: System, store: Store) -> None:
    """Give up comparing the first write: the next one is compared instead."""
    note_fact(system, store, _UNDER_WAY, "")


def note_fact(system: System, store: Store, name: str, value: str) -> None:
    """Note a fact of a system, and store it at once."""
    system.facts.put(name, value)
    if unsaved := system.facts.unsaved():
        try:
            store.save_health(*unsaved)
        except StateError:
            system.facts.mark_unsaved(unsaved)
            raise
