"""The cleanup of one system: looked at, written to, and proven by reading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import structlog
from sqlalchemy import bindparam, select

from syncd.engine.canaries import Canaries
from syncd.engine.cleanup_context import CleanupContext, NoPauses
from syncd.engine.cleanup_outcomes import believe_refusals, resend_unanswered, settle_queued
from syncd.engine.cleanup_report import CalendarCleanup, CleanupReport
from syncd.engine.own_block_survey import OwnBlockReader, OwnBlocks
from syncd.engine.recovery import recover
from syncd.engine.supervise import supervised
from syncd.engine.writer import WriteContext, execute
from syncd.model import (
    Action,
    Changes,
    Event,
    Intent,
    IntentState,
    Kind,
    Operation,
    TrackedEvent,
    Value,
    Window,
)
from syncd.store import rows
from syncd.store.owned import CHOSEN_REASON, OwnedBlock, events_in_flight, owned_blocks
from syncd.store.tables import INTENT
from syncd.systems.port import PlatformError, RateLimitedError, RetryableError, StoppingError
from syncd.systems.remedies import cause_and_remedy

log = structlog.get_logger(__name__)

REASON = "syncd cleanup"
"""Why a block is removed, in the journal and the history."""

MAX_ROUNDS = 8
"""So many times a system is looked at and written to in one cleanup."""

MAX_PAUSE = 120.0
"""Seconds that a platform may ask to be left alone for, until the rest waits for another run."""

RECHECK_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each look whether a queued removal was carried out."""

AGAIN = (2.0, 5.0)
"""Seconds before a look is repeated that was not answered."""

AROUND = timedelta(days=1)

WIDE = timedelta(days=366)
"""Where tags are counted, so much is read before and after now."""

_ENDED = select(INTENT).where(
    INTENT.c.system == bindparam("system"),
    INTENT.c.reason == bindparam("reason"),
    INTENT.c.action == str(Action.REMOVE_BLOCK),
    INTENT.c.state == bindparam("state"),
)

_USERLESS = (
    "Map the provider to the user who has that calendar now, and run this again; without such a "
    "user, have the platform show what stands there."
)
_LOOK = "Run the command again; if that does not help, look into that calendar."
_HIDDEN = "its list does not show them, which does not prove that they are gone"


@runtime_checkable
class ResettableSystem(Protocol):
    """A system that rests after a fault, unless somebody insists (`engine.breaker`)."""

    def insist(self) -> None:
        """Ask it at the next occasion."""


class SystemCleanup:
    """The cleanup of one system."""

    def __init__(
        self,
        job: CleanupContext,
        cleaned: CleanupReport,
        name: str,
        progress: Callable[[str], None],
    ) -> None:
        self.job, self.cleaned, self.name, self.progress = job, cleaned, name, progress
        self.system = job.systems[name]
        self.places = {p: c for (p, s), c in cleaned.calendars.items() if s == name}
        mapped = [p for p, systems in job.mapping.items() if name in systems]
        # All are read: people move blocks from one calendar to another.
        self.read = tuple(mapped) if cleaned.by_tag or self.places else ()
        wanted = {p for p, c in self.places.items() if not c.why}
        self.looker = OwnBlockReader(
            self.system,
            job.store,
            job.clock,
            frozenset(wanted),
            self.read,
            job.aliases,
            frozenset(p for p in wanted if not job.scope.covers(p, name)),
        )
        self.whose: dict[str, str] = {}
        self.seen = OwnBlocks(job.clock.now())
        self.gone: dict[str, str] = {}
        self.removed: dict[str, str] = {}
        self.unsure: dict[str, str] = {}
        self.fault: PlatformError | None = None
        self.proven = False
        self.pauses = NoPauses(job.store, job.observe)
        self.desk = WriteContext(
            job.store,
            job.clock,
            job.ids.row,
            job.ids.key,
            cleaned.run,
            job.stopping,
            job.on_write,
            pauses=self.pauses,
            cleans=True,
        )

    async def settle_open(self) -> None:
        """Learn what became of writes that an earlier process left open; end what a probe left."""
        canaries = Canaries(
            self.job.store,
            self.job.clock,
            self.job.ids.row,
            {self.name: self.system},
            self.pauses,
        )
        await canaries.clear(self.name)
        await self._settle()

    async def first_look(self) -> None:
        """Read what stands."""
        self.seen = await self._look()

    def unlisted(self) -> bool:
        """Whether a calendar of the system was not listed whole."""
        return bool(self.seen.unread)

    def own(self, event: Event) -> None:
        """Count a tagged block as ours, because a person said so; the journal keeps that."""
        at = self.job.clock.now()
        record = TrackedEvent(
            system=event.system,
            provider=event.provider,
            id=event.id,
            kind=Kind.BLOCK,
            observed=event.value,
            observed_at=at,
            fingerprint="",
            base=event.value,
            created_by_us=True,
            key=event.key,
        )
        made = Operation(
            Action.CREATE_BLOCK,
            event.system,
            event.provider,
            Kind.BLOCK,
            event.id,
            None,
            event.value,
            key=event.key,
            reason=CHOSEN_REASON,
        )
        # It belongs to no run: undoing a run must not touch what the run did not make.
        intent = Intent(self.job.ids.row(), "", made, IntentState.DONE, at)
        self.job.store.apply(Changes(records=[record], intents=[intent]))
        self.seen.own[event.id] = OwnedBlock(record, event.provider)

    def count(self, now: datetime) -> None:
        """Count what was found, calendar by calendar."""
        if self.seen.fault is not None:
            self._fail(self.seen.fault)
            return
        values: dict[str, list[Value]] = {provider: [] for provider in self.places}
        for each in self.seen.own.values():
            if each.record.observed is not None:
                place = each.provider if each.provider in values else ""
                values.setdefault(place, []).append(each.record.observed)
        for provider, shown in values.items():
            if provider in self.places and not self.places[provider].why:
                self.places[provider].count(shown, now)

    async def remove(self) -> None:
        """Remove what stands, until a look shows that nothing of ours does."""
        if self.seen.fault is not None or not self.looker.wanted:
            return
        waited = False
        for _ in range(MAX_ROUNDS):
            self.seen.own |= resend_unanswered(self.looker, self.seen, self.job.clock.now())
            wanted = [self._removal(each) for each in self.seen.own.values()]
            if not wanted and waited:
                break
            if wanted:
                self.progress(f"removing {len(wanted)} block{'s' if len(wanted) > 1 else ''}")
                if not await self._write(wanted):
                    break
            await self._settle()
            await self._believe_refusals()
            if self._wrote():
                # Until then a read may show what was before.
                self.progress(f"reading {self.name} once more")
                lag = self.system.capabilities.lag.total_seconds()
                if not await self.job.stopping.pause(self.job.clock, lag):
                    break
            self.seen = await self._look()
            waited = True
            if self.seen.fault is not None:
                self._fail(self.seen.fault)
                break
        if self.fault is None and not self.job.stopping.is_set():
            await self._prove()

    def sum_up(self) -> None:
        """Bring the report up to date: what stands, what is gone, what nobody can tell."""
        left = {} if self.cleaned.dry_run else self._left()
        for provider, calendar in self.places.items():
            # What seemed gone, and was shown again, may have been removed since.
            gone = self.gone.keys() - self.removed.keys()
            calendar.gone = sum(self.gone[id_] == provider for id_ in gone)
            if self.job.mark_unreachable(provider, self.name) is not None:
                continue
            self._say_unread(calendar)
            if self.cleaned.dry_run:
                continue
            calendar.removed = sum(p == provider for p in self.removed.values())
            calendar.unsure += sum(p == provider for p in self.unsure.values())
            known = left.get(provider, [])
            hidden = sum(id_ in self.seen.hidden for id_ in known)
            calendar.left = len(known) - hidden
            calendar.unsure += hidden
            if calendar.left and not calendar.why:
                calendar.why = self._why
                calendar.remedy = "Run the command again."
            elif hidden and not calendar.why:
                calendar.why, calendar.remedy = _HIDDEN, _LOOK
            calendar.proven = self.proven and calendar.finished

    # --- within -------------------------------------------------------------------------------

    _why = "not all of them could be removed"

    def _left(self) -> dict[str, list[str]]:
        """Return what still stands, as far as is known, by provider."""
        left = defaultdict[str, list[str]](list)
        for each in owned_blocks(self.job.store):
            provider = self.job.provider_of(each.provider, self.name)
            another = provider in self.looker.borrowed and provider == each.provider
            if each.record.system == self.name and not another:
                left[provider].append(each.record.id)
        return left

    def _say_unread(self, calendar: CalendarCleanup) -> None:
        """Say what of a calendar nobody has looked at, even where nothing is known to stand."""
        if self.fault is not None:
            calendar.why, calendar.remedy = cause_and_remedy(self.fault)
        elif calendar.provider in self.seen.userless:
            calendar.why, calendar.remedy = "its user is not in the account any more", _USERLESS
        elif self.cleaned.by_tag and calendar.provider in self.seen.unread and not calendar.why:
            calendar.why, calendar.remedy = "not all of its events were listed", _LOOK
        calendar.unsure = sum(p == calendar.provider for p in self.seen.lines.values())

    async def _look(self) -> OwnBlocks:
        seen = await self.looker.read_blocks(self._window())
        for seconds in AGAIN:
            if not isinstance(seen.fault, RetryableError) or isinstance(seen.fault, StoppingError):
                break
            if not await self.job.stopping.pause(self.job.clock, seconds):
                break
            if isinstance(self.system, ResettableSystem):
                self.system.insist()
            seen = await self.looker.read_blocks(self._window())
        for id_, provider in seen.gone.items():
            if id_ not in self.removed:
                self.gone.setdefault(id_, provider)
        return seen

    def _window(self) -> Window:
        now = self.job.clock.now()
        start, end = now - AROUND, now + self.job.ahead + AROUND
        if self.cleaned.by_tag:
            start, end = now - WIDE, max(end, now + WIDE)
        for line in self.looker.forgotten():
            # The state was lost: a block stands at its creation or later.
            start = min(start, max(now - WIDE, datetime.fromisoformat(line.at) - AROUND))
        for each in owned_blocks(self.job.store):
            value = each.record.observed
            if each.record.system == self.name and value is not None:
                start, end = min(start, value.start - AROUND), max(end, value.end + AROUND)
        return Window(start, end)

    def _removal(self, each: OwnedBlock) -> Operation:
        record = each.record
        self.whose[record.id] = each.provider
        stands = record.provider if record.provider in self.read else each.provider
        links = self.job.store.links(self.name, record.id)
        return Operation(
            Action.REMOVE_BLOCK,
            self.name,
            stands,
            Kind.BLOCK,
            record.id,
            record.observed,
            None,
            bookings=tuple(sorted({link.booking for link in links})),
            key=record.key,
            reason=REASON,
        )

    async def _write(self, wanted: Sequence[Operation]) -> bool:
        """Carry out removals; return whether there is any use in going on."""
        read = [replace(c, read_at=self.seen.asked_at) for c in self.seen.coverage]
        written = await execute(self.system, wanted, read, self.desk)
        if written.failures:
            self._why = written.failures[-1]
        fault = written.fault
        if isinstance(fault, RateLimitedError) and fault.wait <= MAX_PAUSE:
            self.progress(f"{self.name} allows no more calls for {fault.wait:.0f} s")
            return await self.job.stopping.pause(self.job.clock, fault.wait)
        if fault is not None and not isinstance(fault, StoppingError):
            self._fail(fault)
        return fault is None and not self.job.stopping.is_set()

    async def _settle(self) -> None:
        """Learn what became of the writes that are open or queued."""
        for seconds in (0.0, *RECHECK_DELAYS):
            open_ = [i for i in self.job.store.pending_intents() if self._concerns(i)]
            if not open_ or (
                seconds and not await self.job.stopping.pause(self.job.clock, seconds)
            ):
                return
            try:
                with supervised(self.name, "looking after writes"):
                    for intent in open_:
                        if intent.state is IntentState.ACCEPTED:
                            await settle_queued(self.looker, self.desk, intent)
                    await recover(self.system, open_, self.desk)
            except PlatformError as fault:
                log.info("outcome still unknown", system=self.name, fault=str(fault))
                return

    def _concerns(self, intent: Intent) -> bool:
        operation = intent.operation
        if operation.system != self.name:
            return False
        if self._place(operation) in self.looker.wanted:
            return True
        ours = self.looker.known().get(operation.event or "")
        return ours is not None and ours.provider in self.looker.wanted

    def _wrote(self) -> bool:
        done = self._ended(IntentState.DONE)
        new = done.keys() - self.removed.keys()
        self.removed |= {id_: self._place(done[id_]) for id_ in done}
        return bool(new)

    def _ended(self, state: IntentState) -> dict[str, Operation]:
        """Return the removals of this run that ended so, by the id of their block."""
        return {
            i.operation.event: i.operation
            for i in self._intents(state)
            if i.run == self.cleaned.run and i.operation.event is not None
        }

    def _intents(self, state: IntentState) -> Iterator[Intent]:
        """Yield the removals of all cleanups of the system that ended so."""
        asked = {"system": self.name, "reason": REASON, "state": str(state)}
        return map(rows.to_intent, self.job.store.query(_ENDED, asked))

    async def _believe_refusals(self) -> None:
        """Take up which of the refused removals had nothing left to remove."""
        refused = self._ended(IntentState.FAILED).values()
        now = self.job.clock.now()
        for operation in await believe_refusals(self.looker, self.seen, refused, now):
            self.gone.setdefault(operation.event or "", self._place(operation))

    def _place(self, operation: Operation) -> str:
        if (whose := self.whose.get(operation.event or "")) is not None:
            return whose
        return self.job.provider_of(operation.provider, self.name)

    async def _prove(self) -> None:
        """Prove by reading that what was removed is gone, by an earlier cleanup, too."""
        since = self.job.clock.now() - AROUND
        for intent in self._intents(IntentState.DONE):
            operation, event = intent.operation, intent.operation.event
            place = self._place(operation)
            if event is None or intent.opened_at < since or place not in self.looker.wanted:
                continue
            if event in self.seen.own or self.seen.covers(place, operation.before):
                continue
            try:
                with supervised(self.name, "proving that a block is gone"):
                    gone = await self.looker.is_gone(event, place, operation.before)
            except PlatformError as fault:
                self._fail(fault)
                return
            if gone is None:
                self.unsure[event] = place
        self.proven = not events_in_flight(self.job.store, self.name)

    def _fail(self, fault: PlatformError) -> None:
        if not isinstance(fault, StoppingError):
            self.fault = fault
            log.warning("cleanup", system=self.name, fault=str(fault))
