"""Who is whom across systems: keyed hashes of addresses, looked up lazily, kept in memory only."""

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
    """Hashes by (system, that platform's person id). The key is this state's own secret."""

    def __init__(self, key: bytes) -> None:
        """Keep the key; nothing else is stored."""
        self._key = key
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    async def look_up(
        self, records: Iterable[TrackedEvent], systems: Mapping[str, System], lanes: SystemTasks
    ) -> Mapping[tuple[str, str], frozenset[str]]:
        """Look up the persons of these appointments; who cannot be asked now stays unknown."""
        for record in records:
            who = (record.system, record.person or "")
            if who in self._known or record.observed is None:
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
                    hashes = self.hashes(await lanes.ask(record.system, record.person, call))
            except RejectedError:
                # The person is not there: an appointment of nobody has no twin.
                hashes = frozenset()
            except PlatformError:
                continue
            if len(self._known) >= MAX_REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[who] = hashes
        return self._known

    def hashes(self, person: Person | None) -> frozenset[str]:
        """The keyed hashes of a person's addresses."""
        if person is None:
            return frozenset()
        return frozenset(self._hash(text) for text in (*person.emails, *person.phones))

    def _hash(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:32]
