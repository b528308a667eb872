"""Give up a system that is gone for good: nothing of it can be read or removed any more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from syncd.core import write_results
from syncd.engine.policy import Ids
from syncd.model import Changes, HistoryEntry, IntentState
from syncd.store.last_settings import forget_last_settings
from syncd.store.owned import owned_blocks
from syncd.store.store import Store

GIVEN_UP = "given-up"
"""What a line of history says of each block that was given up."""


@dataclass(frozen=True, slots=True)
class AbandonedSystem:
    """What was given up: blocks that may still stand there, and writes whose outcome is unknown."""

    run: str
    system: str
    blocks: int
    writes: int

    def to_json(self) -> dict[str, object]:
        """The object of `cleanup --give-up --json`: its keys are stable."""
        return {
            "run": self.run,
            "given_up": self.system,
            "blocks": self.blocks,
            "writes": self.writes,
            "done": True,
        }


def abandon_system(store: Store, system: str, who: str, now: datetime, ids: Ids) -> AbandonedSystem:
    """Let go of all blocks of ours in a system, and record who said so. Raises StateError.

    Their ids stay in the journal: should the system come back, they are known as ours again.
    """
    run = ids.row()
    changes = Changes()
    blocks = [each for each in owned_blocks(store) if each.record.system == system]
    for each in blocks:
        over = write_results.target_missing(each.record, store.links(system, each.record.id), now)
        changes.records += over.records
        changes.unlinked += over.unlinked
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
                detail=f"{system} is gone for good",
            )
        )
    pending = [i for i in store.pending_intents() if i.operation.system == system]
    changes.intents += [
        replace(i, state=IntentState.DROPPED, error="its system was given up") for i in pending
    ]
    given_up = AbandonedSystem(run, system, len(blocks), len(pending))
    store.start_run(run, "give-up", now)
    store.apply(changes)
    forget_last_settings(store, system)
    store.finish_run(run, now, {**given_up.to_json(), "who": who})
    return given_up
