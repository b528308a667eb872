"""What a decision is told besides the stored state: calendars, rules, and who may be believed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from syncd.core.recent_reads import RecentReads
from syncd.model import Action, Buffer, Operation, Status, WaitReason, Window

ALL_STATUSES: Mapping[Status, Status] = {status: status for status in Status}


@dataclass(frozen=True, slots=True)
class CalendarState:
    """One provider's calendar in one system, as this cycle found it.

    - ``blocked``: why it cannot be written to now, although the configuration allows it.
    - ``trusted``: its news may be acted on: it answered, and it is known whose its events are.
      Otherwise it counts as unchanged, and is ``blocked``.
    - ``stopped``: the events, by id, whose news the guard withholds: they count as unchanged, are
      not written to, and the time that they newly show is closed as well.
    - ``statuses``: what an appointment there shows after a status was written; not a key = cannot.
    - ``moves_set_status``: the write that moves an appointment may set its status as well.
    - ``skew``: the platform's clock minus ours.
    - ``first_read_pending``: it answered, and was never read in full before (under its present
      mapping): nothing that frees time is written.
    - ``read``: where it was read, while it was not read in full since the state began or was lost;
      elsewhere a block of ours may stand that nobody has seen. None: it was read in full.
    - ``recent_reads``: its last reads. A new block waits until one covers its time; None: never.
    - ``keeps_tags``: the tag of a block comes back on a read.
    - ``never_written``: the configuration forbids writing, now and later.
    - ``seats``: how many meetings of a service may take place at one time; one where not named.
    - ``buffers``: what blocks elsewhere cover beside a meeting of a service.
    - ``can_hold_blocks``: its time can be closed by a block. A room's cannot: what needs the room
      is.
    - ``series_writes``: a write to an instance of a series touches that instance only.
    - ``affects``: the systems in which its busy time closes anything; None: in all others.
    - ``held_updates``: the writes to appointments that wait, and why; the status of the ``damaged``
      event may be put right all the same.
    - ``status_checks``: what a person can check where a status could not be set, by status.
    """

    system: str
    blocked: WaitReason | None = None
    trusted: bool = True
    grain: timedelta = timedelta(seconds=1)
    statuses: Mapping[Status, Status] = field(default_factory=lambda: ALL_STATUSES)
    moves_set_status: bool = False
    skew: timedelta = timedelta(0)
    first_read_pending: bool = False
    read: tuple[Window, ...] | None = None
    recent_reads: RecentReads | None = None
    keeps_tags: bool = True
    never_written: bool = False
    seats: Mapping[str, int] = field(default_factory=dict)
    buffers: Mapping[str, Buffer] = field(default_factory=dict)
    can_hold_blocks: bool = True
    series_writes: bool = False
    affects: frozenset[str] | None = None
    status_checks: Mapping[Status, str] = field(default_factory=dict)
    stopped: frozenset[str] = frozenset()
    held_updates: Mapping[Action, WaitReason] = field(default_factory=dict)
    damaged: str = ""

    def why_not_updated(self, operation: Operation) -> WaitReason | None:
        """Return why a write to an appointment waits, if it does."""
        repairs = operation.action is Action.SET_STATUS and operation.event == self.damaged
        return None if repairs else self.held_updates.get(operation.action)

    @property
    def read_only(self) -> bool:
        """Whether it is never written to: no write to it is wanted."""
        return self.never_written or self.affects is not None

    @property
    def held_back(self) -> bool:
        """Whether a person wants nothing to be written to it now."""
        return self.blocked is not None and self.blocked.held_back

    @property
    def updated_by_hand(self) -> bool:
        """Whether a person is told what to do there by hand although nothing is written."""
        return self.held_back and self.trusted

    @property
    def writable(self) -> bool:
        """Whether it can be written to now."""
        return self.blocked is None and not self.read_only


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """When the guard stops (promise 7).

    More than ``count`` meetings and more than ``share``; or all of at least ``common`` moved by one
    and the same amount; or all of at least ``all`` vanished without a proof by id.
    """

    count: int = 10
    share: float = 0.2
    common: int = 5
    all: int = 3


def inputs_digest(*inputs: object) -> str:
    """A short name for what a decision was made from, the same in every process."""
    return hashlib.blake2b(repr(inputs).encode(), digest_size=8).hexdigest()
