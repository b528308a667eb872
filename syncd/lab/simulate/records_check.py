"""Judge what journal, history, log and database must contain, and what they must not."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Iterator

from syncd.lab.simulate.hosted import is_share
from syncd.lab.simulate.mass_edit import Change
from syncd.lab.simulate.siblings import was_made_by_platform
from syncd.lab.simulate.untouched import restores_status
from syncd.lab.simulate.world import World
from syncd.store import StateError

FORBIDDEN_WORDS = ("kim example", "lee example", "example.com", "555010", "555020", "knee", "lunch")
"""Words that no log and no database may contain, besides the secrets."""


def unjournaled(change: Change, database: sqlite3.Connection) -> Iterator[str]:
    """Yield a violation if a write was not in the journal before (docs/design.md#writing)."""
    view = change.after or change.before
    provider = view.provider if view else ""
    parameters = (change.system, _action(change), change.event, provider)
    row = database.execute(
        # A queued job may run after its row was closed; a create has no event before it.
        "select 1 from intent where system = ? and action = ? and (event = ? or"
        " (event is null and provider = ? and state = 'open'))",
        parameters,
    )
    if row.fetchone() is None:
        yield f"10: not in the journal: {parameters[1]} of {change.system} {change.event}"


def missing_from_history(world: World, database: sqlite3.Connection) -> Iterator[str]:
    """Yield writes that the history does not contain (promise 10)."""
    recorded = set(database.execute("select system, what, event from history"))
    # A create with a lost response that somebody reverted before it was found has no event.
    unanswered = set(
        database.execute("select system, action, provider from intent where event is null")
    )
    for change in world.changes:
        action = _action(change)
        view = change.after or change.before
        provider = view.provider if view else ""
        known = (change.system, action, change.event) in recorded
        known = known or (change.system, action, provider) in unanswered
        known = known or change.by_hand or restores_status(world, change) or is_share(change.event)
        known = known or was_made_by_platform(world, change)
        if not (known or world.may_be_lost(change.at)):
            yield f"10: not in the history: {action} of {change.system} {change.event}"


def _action(change: Change) -> str:
    match change.before, change.after:
        case None, _:
            return "create-block"
        case _, None:
            return "remove-block"
        case before, after if before.kind == "block":
            return "move-block"
        case before, after:
            return "move-appointment" if before.interval != after.interval else "set-status"


def leaked_words(texts: Collection[str], secrets: Collection[str]) -> Iterator[str]:
    """Yield secret or personal words that the texts contain (promise 11)."""
    for text in texts:
        low = text.lower()
        for word in (*FORBIDDEN_WORDS, *secrets):
            # Match whole words: a random id of twenty letters may well contain four of them.
            plain = re.escape(word.lower())
            pattern = rf"(?<![0-9a-z]){plain}(?![0-9a-z])" if word.isalpha() else plain
            if (match := re.search(pattern, low)) is not None:
                at = match.start()
                yield f"11: found {word!r}: …{text[max(0, at - 60) : at + 40]!r}"


def ended_jobs(log: str) -> Iterator[str]:
    """Yield jobs that ended with an error: only the state may end a job (promise 8)."""
    for entry in map(json.loads, log.splitlines()):
        raised = entry.get("exception", "").splitlines()[-1:]
        if entry["event"] == "job failed" and StateError.__name__ not in str(raised):
            yield f"8: an exception ended a job: {raised}"
