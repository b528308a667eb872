"""States of released versions: SQL files that are named after their schema version."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from syncd.model import Baseline, Changes, Coverage, IntentState, Kind, Role
from syncd.model.pauses import Pause
from syncd.store import Store
from syncd.store.database.database import _scripts
from syncd.store.queries.last_settings import LastSettings, save_last_settings
from syncd.store.queries.pauses import save_pauses
from tests.store.kit import DAY, book, held, intent, item, link, note, rec, span, v

FROZEN = Path(__file__).parent


def revisions() -> list[str]:
    """Return the released schema versions, oldest first."""
    _, scripts = _scripts()
    return [script.revision for script in scripts.walk_revisions()][::-1]


def furnished(path: Path, frozen: Path | None = None) -> None:
    """Create a state with a row in every table, from a released file or with this version."""
    if frozen is not None:
        with closing(sqlite3.connect(path)) as database:
            database.executescript(frozen.read_text())
        return
    store = Store.open(path)
    made = intent("made", state=IntentState.DONE)
    made = replace(made, operation=replace(made.operation, event="k"))
    store.apply(
        Changes(
            records=[rec("e", v(9)), rec("k", v(9), "b", kind=Kind.BLOCK, created_by_us=True)],
            bookings=[book("m", v(9))],
            replicas=[link("m", "e"), link("m", "k", "b", Role.BLOCK)],
            opened=[held("c")],
            intents=[intent("i"), made],
            coverage=[Coverage("a", "p", frozenset(Kind), span(0, 24), DAY)],
            history=[note("seen")],
            baselines=[Baseline("a", "p", "digest", DAY)],
            reported=[item("e")],
        )
    )
    save_pauses(store, Pause("a", "", DAY, "root", "a move of offices"))
    save_last_settings(store, [LastSettings("a", "p", {"calendar": {"user": "u"}}, DAY)])
    store.start_run("r", "resync", DAY)
    store.finish_run("r", DAY, {"converged": True})
    store.close()
