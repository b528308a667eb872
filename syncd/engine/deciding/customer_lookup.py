"""Look up customers as keyed hashes, to compare them across systems; kept only in memory."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from functools import partial

from syncd.engine.tasks.supervise import supervised
from syncd.engine.tasks.system_tasks import SystemTasks
from syncd.model import Event, Person, TrackedEvent
from syncd.systems.errors import PlatformError, RejectedError
from syncd.systems.port import System

MAX_REMEMBERED = 10_000


class CustomerLookup:
    """A cache of the hashed e-mail addresses and phone numbers, by (system, customer id)."""

    def __init__(self, key: bytes) -> None:
        """Create an empty cache. ``key`` is the secret key of this state's hashes."""
        self._key = key
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    async def look_up(
        self, records: Iterable[TrackedEvent], systems: Mapping[str, System], tasks: SystemTasks
    ) -> Mapping[tuple[str, str], frozenset[str]]:
        """Look up the customers of these appointments; return all hashes in the cache.

        Makes one call for each customer that is not in the cache. A customer whose lookup fails is
        missing from the result, and is looked up again at the next call. A customer who does not
        exist has no hashes.
        """
        for record in records:
            key = (record.system, record.customer or "")
            if key in self._known or record.observed is None:
                continue
            event = Event(
                record.system,
                record.provider,
                record.id,
                record.kind,
                record.observed,
                record.customer,
            )
            try:
                with supervised(record.system, "looking up a customer"):
                    call = partial(systems[record.system].customer, event)
                    hashes = self.hashes(await tasks.ask(record.system, record.customer, call))
            except RejectedError:
                # The customer does not exist, and an appointment without a customer has no twin.
                hashes = frozenset()
            except PlatformError:
                continue
            if len(self._known) >= MAX_REMEMBERED:
                self._known.pop(next(iter(self._known)))
            self._known[key] = hashes
        return self._known

    def hashes(self, person: Person | None) -> frozenset[str]:
        """Return the hashes of a customer's e-mail addresses and phone numbers."""
        if person is None:
            return frozenset()
        return frozenset(self._hash(text) for text in (*person.emails, *person.phones))

    def _hash(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:32]
