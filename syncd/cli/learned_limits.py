"""What is known of the accounts' limits, for commands that look with systems of their own."""

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
from syncd.store.facts import facts, facts_named
from syncd.store.files import is_there
from syncd.systems.facts import FactStore
from syncd.systems.learned_limits import CALLS, LIMIT_FACTS


class Limited(Protocol):
    """What has facts of an account: a system, or what provisions one."""

    facts: FactStore


def remember(state: Path, systems: Mapping[str, Limited]) -> None:
    """Have these systems keep to the limits that the state knows; nothing is written to it."""
    if not is_there(state):
        return
    others = _is_held_by_others(state)
    with suppress(StateError), closing(Store.open(state, write=False)) as store:
        for name, system in systems.items():
            # Beside a daemon nobody knows which calls it makes in this moment.
            system.facts.load(f for f in facts(store, name) if not (others and f.name == CALLS))


def forget_calls_of_others(scratch: Store, state: Path) -> None:
    """Forget in a copy of a state that another process is making calls now.

    What it makes cannot be known, and a look beside it need not wait for a whole window.
    """
    if _is_held_by_others(state):
        scratch.save_health(*(replace(f, value="") for f in facts_named(scratch, CALLS)))


def _is_held_by_others(state: Path) -> bool:
    held = holder(state)
    return held is not None and held.pid != os.getpid()


def limits_in(store: Store) -> list[Fact]:
    """The limits, and the last calls, that a state knows."""
    return [fact for name in LIMIT_FACTS for fact in facts_named(store, name)]


def take_over(store: Store, known: Iterable[Fact]) -> None:
    """Keep in the state what a look at the platforms has learned, and the calls that it made."""
    if kept := list(known):
        store.save_health(*kept)
