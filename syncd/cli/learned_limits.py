"""Rate limits stored in the state, for commands that call the platforms beside the daemon."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from syncd.daemon.lock import holder
from syncd.model import Fact
from syncd.store import StateError, Store
from syncd.store.database.files import state_exists
from syncd.store.queries.facts import facts, facts_named
from syncd.systems.facts import FactStore
from syncd.systems.learned_limits import CALLS, LIMIT_FACTS


class HasFacts(Protocol):
    """An object with the measured facts of an account, such as a system or a provisioner."""

    facts: FactStore


def load_known_limits(state: Path, systems: Mapping[str, HasFacts]) -> None:
    """Load the rate limits stored in the state at this path into the given systems.

    Nothing is written to the state.
    """
    if not state_exists(state):
        return
    other_process = _is_held_by_other_process(state)
    with suppress(StateError), closing(Store.open(state, write=False)) as store:
        for name, system in systems.items():
            # A running daemon keeps making calls, so the stored last calls are out of date.
            known = facts(store, name)
            system.facts.load(f for f in known if not (other_process and f.name == CALLS))


def forget_calls_of_others(scratch: Store, state: Path) -> None:
    """Clear the last calls in a copy of the state if another process is using the state.

    The calls that the other process makes now are unknown, and a read-only command need not wait
    for a whole rate-limit window. ``scratch`` is the copy.
    """
    if _is_held_by_other_process(state):
        scratch.save_health(*(replace(f, value="") for f in facts_named(scratch, CALLS)))


def _is_held_by_other_process(state: Path) -> bool:
    current = holder(state)
    return current is not None and current.pid != os.getpid()


def stored_limits(store: Store) -> list[Fact]:
    """Return the limits and the last calls that are stored in a state."""
    return [fact for name in LIMIT_FACTS for fact in facts_named(store, name)]


def save_limits(store: Store, limits: Iterable[Fact]) -> None:
    """Store rate limits that a command learned, and the calls that the command has made."""
    if learned := list(limits):
        store.save_health(*learned)
