"""Store the canary events of `syncd probe` (`model.canary.Canary`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select

from syncd.model import Action, Changes, Intent, IntentState, Kind, Operation
from syncd.model.canary import Canary
from syncd.store.store import Store
from syncd.store.tables.tables import CANARY

_ALL = select(CANARY).order_by(CANARY.c.made_at, CANARY.c.tag)
_DELETE = delete(CANARY).where(CANARY.c.tag == bindparam("ended_tag"))

CANARY_REASON = "syncd probe: the block that platform facts are measured on"


def canaries(store: Store) -> list[Canary]:
    """Load all stored canary events: those that may still exist, and those removed within a day."""
    return [_canary(row) for row in store.query(_ALL, {})]


def save_canary(store: Store, canary: Canary) -> None:
    """Store a canary event; the row is on the disk when this function returns."""
    store.replace(CANARY, [_row(canary)])


def prove_canary(store: Store, canary: Canary, intent: str) -> None:
    """Store the id that the create of a canary returned, and proof that the event is ours.

    The id is stored in this table, in the journal and in the file of created ids. If this table is
    lost, the journal row still proves ownership: the event is then removed like any block of ours
    without a booking. ``intent`` is the id of the new journal row.
    """
    operation = Operation(
        action=Action.CREATE_BLOCK,
        system=canary.system,
        provider=canary.provider,
        kind=Kind.BLOCK,
        event=canary.event,
        before=None,
        after=canary.value,
        key=canary.tag,
        reason=CANARY_REASON,
    )
    save_canary(store, canary)
    # The row has no run, so that no undo touches it.
    store.apply(Changes(intents=[Intent(intent, "", operation, IntentState.DONE, canary.made_at)]))


def forget_canaries(store: Store, ended_before: datetime, kept: Collection[Canary]) -> None:
    """Delete canary events that are no longer needed.

    Deletes those of ``kept`` (the stored canary events) that ended before ``ended_before``; all
    others stay.
    """
    ended = [c.tag for c in kept if c.ended_at is not None and c.ended_at < ended_before]
    if ended:
        store.replace(CANARY, [], _DELETE, *({"ended_tag": tag} for tag in ended))


def _row(canary: Canary) -> dict[str, Any]:
    return {
        "tag": canary.tag,
        "system": canary.system,
        "provider": canary.provider,
        "starts": canary.start,
        "ends": canary.end,
        "made_at": canary.made_at,
        "event": canary.event,
        "ended_at": canary.ended_at,
    }


def _canary(row: Mapping[str, Any]) -> Canary:
    return Canary(
        tag=row["tag"],
        system=row["system"],
        provider=row["provider"],
        start=row["starts"],
        end=row["ends"],
        made_at=row["made_at"],
        event=row["event"],
        ended_at=row["ended_at"],
    )
