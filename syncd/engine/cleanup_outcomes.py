"""Learn what became of removals of a cleanup that the platform gives no plain answer about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from syncd.core import write_results
from syncd.engine.own_block_survey import OwnBlockReader, OwnBlocks
from syncd.engine.write_history import history_of_write
from syncd.engine.writer import MAX_SEND_DELAY, WriteContext
from syncd.model import Action, Changes, Intent, IntentState, Operation
from syncd.store.owned import OwnedBlock
from syncd.systems.port import PlatformError

_SENT_AGAIN = "its outcome cannot be read, so it is sent again"


def resend_unanswered(
    looker: OwnBlockReader, seen: OwnBlocks, now: datetime
) -> dict[str, OwnedBlock]:
    """Drop the removals whose outcome no read can show; return their blocks, to be removed again.

    That is where a list shows nothing of the block, and proves nothing, as when it has become
    empty. The answer to a second request tells, and its target is a block of ours in any case.
    """
    known, store, again = looker.known(), looker.store, dict[str, OwnedBlock]()
    for intent in store.pending_intents():
        operation = intent.operation
        removes = operation.action is Action.REMOVE_BLOCK
        if not removes or operation.system != looker.system.name or operation.event is None:
            continue
        sent = intent.state is IntentState.OPEN and now - intent.opened_at > MAX_SEND_DELAY
        if sent and operation.event in seen.hidden & known.keys():
            dropped = replace(intent, state=IntentState.DROPPED, error=_SENT_AGAIN)
            store.apply(Changes(intents=[dropped]))
            again[operation.event] = known[operation.event]
    return again


async def believe_refusals(
    looker: OwnBlockReader, seen: OwnBlocks, refused: Iterable[Operation], now: datetime
) -> list[Operation]:
    """Count refused removals as done where the block is proven to be gone; return those.

    Some platforms refuse the id of a deleted record, both for reading and for deleting. Together
    with a list that is whole, shows other events of the calendar and lacks this one, that is proof.
    """
    gone: list[Operation] = []
    for operation in refused:
        event = operation.event or ""
        if event not in seen.hidden or operation.provider not in seen.shown:
            continue
        try:
            is_gone = await looker.is_gone(event, operation.provider, operation.before)
        except PlatformError:
            break
        for record in looker.store.records(looker.system.name, [event]) if is_gone else ():
            links = looker.store.links(looker.system.name, event)
            looker.store.apply(write_results.target_missing(record, links, now))
            gone.append(operation)
    return gone


async def settle_queued(looker: OwnBlockReader, desk: WriteContext, intent: Intent) -> None:
    """Close a queued removal whose block cannot be read any more. Raises PlatformError."""
    operation, store = intent.operation, looker.store
    if operation.action is not Action.REMOVE_BLOCK or operation.event is None:
        return
    if await looker.is_gone(operation.event, operation.provider, operation.before):
        at, name = desk.clock.now(), looker.system.name
        record = next(iter(store.records(name, [operation.event])), None)
        changes = write_results.target_missing(record, store.links(name, operation.event), at)
        changes.intents.append(replace(intent, state=IntentState.DONE))
        detail = "confirmed by a read"
        changes.history += history_of_write(desk, operation, operation.event, detail, at)
        store.apply(changes)
