"""What a decision is given besides the stored state: calendars, limits, and what may be trusted."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from syncd.core.event_state.recent_reads import RecentReads
from syncd.model import Action, Buffer, Operation, Status, WaitReason, Window

ALL_STATUSES: Mapping[Status, Status] = {status: status for status in Status}


@dataclass(frozen=True, slots=True)
class CalendarState:
    """One provider's calendar in one system, as this cycle found it.

    - ``blocked``: why the calendar cannot be written to now, although the configuration allows it.
    - ``trusted``: decisions may use the changes that its last read showed: the system answered, and
      the owners of the events are known. Otherwise its events count as unchanged, and ``blocked``
      is set as well.
    - ``grain``: the unit to which the platform keeps times.
    - ``statuses``: the status that an appointment shows after a status was written. A status that
      is no key cannot be set.
    - ``moves_set_status``: the write that moves an appointment may also set its status.
    - ``skew``: the platform's clock minus ours.
    - ``first_read_pending``: the system answered, but the calendar was never read in full since it
      was mapped to this provider. Until then, no write that frees time is made.
    - ``read``: None: the calendar was read in full since the state was created. Otherwise the
      windows that were read; outside of them, an unknown block of ours may exist.
    - ``recent_reads``: the last reads. A new block waits until a read covers its time. None: new
      blocks never wait for a read.
    - ``keeps_tags``: a read returns the tag of a block.
    - ``never_written``: the configuration forbids writing, now and later.
    - ``seats``: how many meetings of a service may take place at one time; 1 if the service is not
      named.
    - ``buffers``: by service, the time before and after a meeting that blocks elsewhere also cover.
    - ``can_hold_blocks``: its time can be blocked. That of a room cannot; the calendars that need
      the room are blocked instead.
    - ``series_writes``: a write to an instance of a series changes that instance only.
    - ``affects``: the systems that its busy time blocks; None: all others.
    - ``status_checks``: by status, what the operator can check if that status could not be set.
    - ``stopped``: the ids of events whose changes the guard stopped. They count as unchanged and
      are not written to, and the time that they newly show is blocked as well.
    - ``waiting_updates``: by action, why writes of that kind to appointments wait.
    - ``damaged``: the id of an event whose status may be repaired in spite of ``waiting_updates``.
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
    waiting_updates: Mapping[Action, WaitReason] = field(default_factory=dict)
    damaged: str = ""

    def why_not_updated(self, operation: Operation) -> WaitReason | None:
        """Return why a write to an appointment waits; None if it can be made."""
        is_repair = operation.action is Action.SET_STATUS and operation.event == self.damaged
        return None if is_repair else self.waiting_updates.get(operation.action)

    @property
    def read_only(self) -> bool:
        """True if the calendar is never written to, so no write to it is wanted."""
        return self.never_written or self.affects is not None

    @property
    def held_back(self) -> bool:
        """True while a pause or `mode = "observe"` keeps writes back."""
        return self.blocked is not None and self.blocked.held_back

    @property
    def updated_by_hand(self) -> bool:
        """True if conflicts name what must be changed by hand while writes are held back."""
        return self.held_back and self.trusted

    @property
    def writable(self) -> bool:
        """True if the calendar can be written to now."""
        return self.blocked is None and not self.read_only

    @property
    def settled(self) -> bool:
        """True if another cycle finds the calendar as this one did, until somebody acts."""
        return self.trusted and (self.writable or self.read_only or self.held_back)


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """The limits beyond which the guard stops changes: promise 7 (docs/design.md#promises).

    - ``count``, ``share``: stop if more than ``count`` meetings, and more than this share of the
      known meetings, changed.
    - ``common``: stop if all meetings, at least this number, moved by the same amount.
    - ``all``: stop if all meetings, at least this number, vanished without a proof by id.
    """

    count: int = 10
    share: float = 0.2
    common: int = 5
    all: int = 3


def inputs_digest(*inputs: object) -> str:
    """Return a short digest of these values, the same in every process."""
    return hashlib.blake2b(repr(inputs).encode(), digest_size=8).hexdigest()
