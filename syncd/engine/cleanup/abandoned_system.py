"""Abandon a system that is gone for good: nothing in it can be read or removed any more.

Used by `syncd cleanup --give-up`, for example after an account was closed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from syncd.core.event_state import write_results
from syncd.engine.policy import IdSource
from syncd.model import Changes, HistoryEntry, IntentState
from syncd.store.queries.last_settings import forget_last_settings
from syncd.store.queries.owned import owned_blocks
from syncd.store.store import Store

GIVEN_UP = "given-up"
"""The history action of each abandoned block."""


@dataclass(frozen=True, slots=True)
class AbandonedSystem:
    """The result of abandoning a system.

    ``run`` is the id of the run in the history. ``blocks`` is the number of our blocks that may
    still exist in the system, ``writes`` the number of dropped writes whose outcome is unknown.
    """

    run: str
    system: str
    blocks: int
    writes: int

    def to_json(self) -> dict[str, object]:
        """Return the object of `cleanup --give-up --json`; its keys are stable."""
        return {
            "run": self.run,
            "given_up": self.system,
            "blocks": self.blocks,
            "writes": self.writes,
            "done": True,
        }


def abandon_system(
    store: Store, system: str, who: str, now: datetime, ids: IdSource
) -> AbandonedSystem:
    """Delete the state of all our blocks in a system and drop its pending writes.

    ``who`` is the operator who gave the system up; '' if unknown. No call is made. The ids of the
    blocks stay in the journal: if the system is configured again, the blocks are known as ours
    again. Raises StateError.
    """
    run = ids.row()
    changes = Changes()
    blocks = [each for each in owned_blocks(store) if each.record.system == system]
    for each in blocks:
        ended = write_results.target_gone(each.record, store.links(system, each.record.id), now)
        changes.records += ended.records
        changes.unlinked += ended.unlinked
        changes.history.append(
            HistoryEntry(
                now,
                run,
                each.provider,
                GIVEN_UP,
                system=system,
                event=each.record.id,
                before=each.record.observed,
                rule=f"by {who}" if who else "",
                detail=f"the operator gave up {system} (syncd cleanup --give-up)",
            )
        )
    pending = [i for i in store.pending_intents() if i.operation.system == system]
    changes.intents += [
        replace(i, state=IntentState.DROPPED, error="the operator gave up the system")
        for i in pending
    ]
    given_up = AbandonedSystem(run, system, len(blocks), len(pending))
    store.start_run(run, "give-up", now)
    store.apply(changes)
    forget_last_settings(store, system)
    store.finish_run(run, now, {**given_up.to_json(), "who": who})
    return given_up
