"""Settle the removals of a cleanup for which the platform gives no clear answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from syncd.core.event_state import write_results
from syncd.engine.reading.own_block_survey import OwnBlockReader, OwnBlocks
from syncd.engine.writing.context import WriteContext
from syncd.engine.writing.outcome import gone_changes
from syncd.engine.writing.writer import MAX_SEND_DELAY
from syncd.model import Action, Changes, Intent, IntentState, Operation
from syncd.store.queries.owned import OwnedBlock
from syncd.systems.errors import PlatformError

_SENT_AGAIN = "the outcome of this removal cannot be read, so syncd sends the removal again"


def resend_unanswered(
    reader: OwnBlockReader, survey: OwnBlocks, now: datetime
) -> dict[str, OwnedBlock]:
    """Drop removals whose outcome no read can show; return their blocks, to be removed again.

    Used when the response to a removal was lost and the calendar's list lacks the block without
    proving anything, for example because the list became empty. The response to a second removal
    settles the outcome, and the target is a block of ours in any case. Returns the blocks by id.
    """
    known, store, to_remove = reader.known(), reader.store, dict[str, OwnedBlock]()
    for intent in store.pending_intents():
        operation = intent.operation
        removes = operation.action is Action.REMOVE_BLOCK
        if not removes or operation.system != reader.system.name or operation.event is None:
            continue
        overdue = intent.state is IntentState.OPEN and now - intent.opened_at > MAX_SEND_DELAY
        if overdue and operation.event in survey.hidden & known.keys():
            dropped = replace(intent, state=IntentState.DROPPED, error=_SENT_AGAIN)
            store.apply(Changes(intents=[dropped]))
            to_remove[operation.event] = known[operation.event]
    return to_remove


async def accept_refusals_as_gone(
    reader: OwnBlockReader, survey: OwnBlocks, refused: Iterable[Operation], now: datetime
) -> list[Operation]:
    """Count refused removals as done if the block is proven to be gone; return those removals.

    Some platforms refuse the id of a deleted record for reads and deletes. Together with a complete
    list that shows other events of the calendar and lacks this block, the refusal is proof. Stops
    at the first block that cannot be read.
    """
    gone: list[Operation] = []
    for operation in refused:
        event = operation.event or ""
        if event not in survey.hidden or operation.provider not in survey.shown:
            continue
        try:
            is_gone = await reader.is_gone(event, operation.provider, operation.before)
        except PlatformError:
            break
        for record in reader.store.records(reader.system.name, [event]) if is_gone else ():
            links = reader.store.links(reader.system.name, event)
            reader.store.apply(write_results.target_gone(record, links, now))
            gone.append(operation)
    return gone


async def confirm_queued(reader: OwnBlockReader, context: WriteContext, intent: Intent) -> None:
    """Mark a queued removal as done if a read proves that its block is gone.

    Used for platforms that accept a removal and carry it out later. Raises PlatformError.
    """
    operation = intent.operation
    if operation.action is not Action.REMOVE_BLOCK or operation.event is None:
        return
    if await reader.is_gone(operation.event, operation.provider, operation.before):
        now = context.clock.now()
        context.store.apply(gone_changes(context, intent, now, detail="confirmed by a read"))
