"""What the writes of a run need, and what the writes to one system came to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from syncd.engine.writing.pauses import WritePauses
from syncd.model import Clock, Operation, TrackedEvent, Waiting
from syncd.store.store import Store
from syncd.systems.errors import PlatformError


@dataclass(slots=True)
class WriteResult:
    """The results of the writes to one system.

    ``done``: confirmed by the response. ``queued``: accepted by the platform, and not confirmed
    yet. ``skipped``: not made, or without a known outcome. ``failures`` and ``remarks`` are texts
    for the report. ``fault``: the fault of the whole system that ended the writes.
    """

    done: list[Operation] = field(default_factory=list)
    queued: list[Operation] = field(default_factory=list)
    skipped: list[Operation] = field(default_factory=list)
    unmade: list[Waiting] = field(default_factory=list)
    """The operations that wait until the system responds, or allows writes again."""
    failures: list[str] = field(default_factory=list)
    fault: PlatformError | None = None
    unanswered: set[str] = field(default_factory=set)
    """Providers with a write that got no response; this run writes nothing more for them."""
    news: list[TrackedEvent] = field(default_factory=list)
    """Changed records that were found when targets were read again."""
    elsewhere: set[str] = field(default_factory=set)
    """Targets that were found at another owner; the next read looks them up by id."""
    remarks: list[str] = field(default_factory=list)
    unread: int = 0
    """The number of targets whose read got no response."""


@dataclass(frozen=True, slots=True)
class WriteContext:
    """What every write of a run needs: store, clock, source of ids, run id, and the stop signal.

    ``on_write`` is called after each write, with its outcome; ``place_of`` returns where the
    configuration states a rule.
    """

    store: Store
    clock: Clock
    new_id: Callable[[], str]
    new_key: Callable[[], str]
    run: str
    stopping: asyncio.Event
    on_write: Callable[[Operation, str], None] = lambda _operation, _what: None
    place_of: Callable[[str], str] = lambda _rule: ""
    repairs: bool = False
    """True while the side effects of an earlier write are being put back."""
    pauses: WritePauses | None = None
    """The pauses and observe mode. None: only the stored pauses count."""
    cleans: bool = False
    """True for `syncd cleanup`, whose removals no pause holds back."""
