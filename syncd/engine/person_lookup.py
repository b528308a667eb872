"""Look up customers as keyed hashes, to compare them across systems; kept in memory only."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from functools import partial

from syncd.engine.supervise import supervised
from syncd.engine.system_tasks import SystemTasks
from syncd.model import Event, Person, TrackedEvent
from syncd.systems.port import PlatformError, RejectedError, System

MAX_REMEMBERED = 10_000


class PersonLookup:
    """A cache of hashed e-mail addresses and phone numbers, by (system, its person id)."""

    def __init__(self, key: bytes) -> None:
        """Start empty. ``key`` is the secret of this state; it keys the hashes."""
        self._key = key
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    async def look_up(
        self, records: Iterable[TrackedEvent], systems: Mapping[str, System], tasks: SystemTasks
    ) -> Mapping[tuple[str, str], frozenset[str]]:
        """Look up the persons of these appointments; return all known hashes.

        A person whose lookup fails stays unknown, and is looked up again at the next call.
        """
        for record in records:
            key = (record.system, record.person or "")
            if key in self._known or record.observed is None:
                continue
            event = Event(
                record.system,
                record.provider,
                record.id,
                record.kind,
                record.observed,
                record.person,
            )
            try:
                with supervised(record.system, "looking up a customer"):
                    call = partial(systems[record.system].person, event)
                    hashes = self.hashes(await tasks.ask(record.system, record.person, call))
            except RejectedError:
                # The person does not exist, and an appointment without a person has no twin.
                hashes = frozenset()
            except PlatformError:
                continue
            if len(self._known) >= MAX_REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[key] = hashes
        return self._known

    def hashes(self, person: Person | None) -> frozenset[str]:
        """Return the keyed hashes of a person's e-mail addresses and phone numbers."""
        if person is None:
            return frozenset()
        return frozenset(self._hash(text) for text in (*person.emails, *person.phones))

    def _hash(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:32]
