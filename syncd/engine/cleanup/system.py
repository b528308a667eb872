"""Clean up one system: read its blocks, remove them, and prove by reading that they are gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import structlog
from sqlalchemy import bindparam, select

from syncd.engine.cleanup.context import CleanupContext, NoPauses
from syncd.engine.cleanup.outcomes import accept_refusals_as_gone, confirm_queued, resend_unanswered
from syncd.engine.cleanup.report import CalendarCleanup, CleanupReport
from syncd.engine.probing.canaries import Canaries
from syncd.engine.reading.own_block_survey import OwnBlockReader, OwnBlocks
from syncd.engine.tasks.supervise import supervised
from syncd.engine.writing.context import WriteContext
from syncd.engine.writing.recovery import recover
from syncd.engine.writing.writer import execute
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
from syncd.store.queries.owned import CHOSEN_REASON, OwnedBlock, events_in_flight, owned_blocks
from syncd.store.tables import rows
from syncd.store.tables.tables import INTENT
from syncd.systems.errors import PlatformError, RateLimitedError, RetryableError, StoppingError
from syncd.systems.remedies import cause_and_remedy

log = structlog.get_logger(__name__)

CLEANUP_REASON = "syncd cleanup"
"""The reason of a removal in the journal and the history."""

MAX_ROUNDS = 8
"""The most rounds of removing and reading in one cleanup."""

MAX_RATE_LIMIT_WAIT = 120.0
"""The longest wait, in seconds, that a platform may require; for a longer one, the run ends."""

RECHECK_DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""The delays, in seconds, before each check whether a queued removal was carried out."""

READ_RETRY_DELAYS = (2.0, 5.0)
"""The delays, in seconds, before a failed read is repeated."""

READ_MARGIN = timedelta(days=1)
"""How far before the first and after the last known block a cleanup reads."""

TAG_WINDOW = timedelta(days=366)
"""How far before and after now a cleanup reads when it looks for tags."""

_REMOVALS = select(INTENT).where(
    INTENT.c.system == bindparam("system"),
    INTENT.c.reason == bindparam("reason"),
    INTENT.c.action == str(Action.REMOVE_BLOCK),
    INTENT.c.state == bindparam("state"),
)

_USERLESS = (
    "Map the provider to the user who has that calendar now and run this command again. If there "
    "is no such user, check that calendar on the platform."
)
_RUN_AGAIN = "Run the command again. If that does not help, check that calendar on the platform."
_HIDDEN = "the list lacks some blocks of syncd, which does not prove that they are gone"


@runtime_checkable
class ResettableSystem(Protocol):
    """A system behind a circuit breaker that can be reset (`engine.tasks.breaker`)."""

    def reset_backoff(self) -> None:
        """Let the next call through, whatever failed before."""


class SystemCleanup:
    """The cleanup of one system."""

    def __init__(
        self,
        context: CleanupContext,
        report: CleanupReport,
        name: str,
        progress: Callable[[str], None],
    ) -> None:
        self.context, self.report, self.name, self.progress = context, report, name, progress
        self.system = context.systems[name]
        self.places = {p: c for (p, s), c in report.calendars.items() if s == name}
        mapped = [p for p, systems in context.mapping.items() if name in systems]
        # Read all calendars: people move blocks from one calendar to another.
        self.read = tuple(mapped) if report.by_tag or self.places else ()
        wanted = {p for p, c in self.places.items() if not c.why}
        self.reader = OwnBlockReader(
            self.system,
            context.store,
            context.clock,
            frozenset(wanted),
            self.read,
            context.aliases,
            frozenset(p for p in wanted if not context.scope.covers(p, name)),
        )
        self.block_providers: dict[str, str] = {}
        self.seen = OwnBlocks(context.clock.now())
        self.gone: dict[str, str] = {}
        self.removed: dict[str, str] = {}
        self.unproven: dict[str, str] = {}
        self.fault: PlatformError | None = None
        self.proven = False
        self.pauses = NoPauses(context.store, context.observe)
        self.write_context = WriteContext(
            context.store,
            context.clock,
            context.ids.row,
            context.ids.key,
            report.run,
            context.stopping,
            context.on_write,
            pauses=self.pauses,
            cleans=True,
        )

    async def finish_pending(self) -> None:
        """Settle the writes that an earlier process left open, and remove leftover canaries."""
        canaries = Canaries(
            self.context.store,
            self.context.clock,
            self.context.ids.row,
            {self.name: self.system},
            self.pauses,
        )
        await canaries.clear(self.name)
        await self._settle_pending()

    async def read_blocks(self) -> None:
        """Read our blocks that exist now into ``seen``; a fault is in ``seen.fault``."""
        self.seen = await self._read_blocks()

    def unlisted(self) -> bool:
        """Return whether any calendar of the system was not listed in full."""
        return bool(self.seen.unread)

    def adopt(self, event: Event) -> None:
        """Adopt a tagged block as ours, as the operator chose; the journal records the adoption."""
        at = self.context.clock.now()
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
        create = Operation(
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
        # The intent belongs to no run: an undo must not touch what its run did not create.
        intent = Intent(self.context.ids.row(), "", create, IntentState.DONE, at)
        self.context.store.apply(Changes(records=[record], intents=[intent]))
        self.seen.own[event.id] = OwnedBlock(record, event.provider)

    def count_blocks(self, now: datetime) -> None:
        """Count the existing blocks in each calendar of the report, before the removal."""
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
        """Remove our blocks and read again until a read shows none, at most `MAX_ROUNDS` times."""
        if self.seen.fault is not None or not self.reader.wanted:
            return
        read_again = False
        for _ in range(MAX_ROUNDS):
            self.seen.own |= resend_unanswered(self.reader, self.seen, self.context.clock.now())
            wanted = [self._removal(each) for each in self.seen.own.values()]
            if not wanted and read_again:
                break
            if wanted:
                self.progress(f"removing {len(wanted)} block{'s' if len(wanted) > 1 else ''}")
                if not await self._write(wanted):
                    break
            await self._settle_pending()
            await self._accept_refusals()
            if self._note_removed():
                # An earlier read may still show the state before the removal.
                self.progress(f"reading {self.name} again")
                lag = self.system.capabilities.lag.total_seconds()
                if not await self.context.stopping.pause(self.context.clock, lag):
                    break
            self.seen = await self._read_blocks()
            read_again = True
            if self.seen.fault is not None:
                self._fail(self.seen.fault)
                break
        if self.fault is None and not self.context.stopping.is_set():
            await self._prove()

    def update_report(self) -> None:
        """Update the report: what is left, what is gone, and what is unknown."""
        left = {} if self.report.dry_run else self._remaining()
        for provider, calendar in self.places.items():
            # A block that seemed gone may have been listed again and removed since.
            gone = self.gone.keys() - self.removed.keys()
            calendar.gone = sum(self.gone[id_] == provider for id_ in gone)
            if self.context.why_unreachable(provider, self.name) is not None:
                continue
            self._explain_unread(calendar)
            if self.report.dry_run:
                continue
            calendar.removed = sum(p == provider for p in self.removed.values())
            calendar.unproven += sum(p == provider for p in self.unproven.values())
            known = left.get(provider, [])
            hidden = sum(id_ in self.seen.hidden for id_ in known)
            calendar.left = len(known) - hidden
            calendar.unproven += hidden
            if calendar.left and not calendar.why:
                calendar.why = self._why
                calendar.remedy = "Run the command again."
            elif hidden and not calendar.why:
                calendar.why, calendar.remedy = _HIDDEN, _RUN_AGAIN
            calendar.proven = self.proven and calendar.finished

    # --- private ------------------------------------------------------------------------------

    _why = "not all blocks could be removed"

    def _remaining(self) -> dict[str, list[str]]:
        """Return the ids of our blocks that still exist as far as is known, by provider."""
        left = defaultdict[str, list[str]](list)
        for each in owned_blocks(self.context.store):
            provider = self.context.provider_of(each.provider, self.name)
            another = provider in self.reader.borrowed and provider == each.provider
            if each.record.system == self.name and not another:
                left[provider].append(each.record.id)
        return left

    def _explain_unread(self, calendar: CalendarCleanup) -> None:
        """Report why a calendar could not be read in full, even if no block is known in it."""
        if self.fault is not None:
            calendar.why, calendar.remedy = cause_and_remedy(self.fault)
        elif calendar.provider in self.seen.userless:
            calendar.why, calendar.remedy = (
                "the account no longer has the user of this calendar",
                _USERLESS,
            )
        elif self.report.by_tag and calendar.provider in self.seen.unread and not calendar.why:
            calendar.why, calendar.remedy = "the list of its events was incomplete", _RUN_AGAIN
        calendar.unproven = sum(p == calendar.provider for p in self.seen.lines.values())

    async def _read_blocks(self) -> OwnBlocks:
        seen = await self.reader.read_blocks(self._window())
        for seconds in READ_RETRY_DELAYS:
            if not isinstance(seen.fault, RetryableError) or isinstance(seen.fault, StoppingError):
                break
            if not await self.context.stopping.pause(self.context.clock, seconds):
                break
            if isinstance(self.system, ResettableSystem):
                self.system.reset_backoff()
            seen = await self.reader.read_blocks(self._window())
        for id_, provider in seen.gone.items():
            if id_ not in self.removed:
                self.gone.setdefault(id_, provider)
        return seen

    def _window(self) -> Window:
        now = self.context.clock.now()
        start, end = now - READ_MARGIN, now + self.context.ahead + READ_MARGIN
        if self.report.by_tag:
            start, end = now - TAG_WINDOW, max(end, now + TAG_WINDOW)
        for line in self.reader.unknown_created_ids():
            # The state was lost. A block is not earlier than its creation.
            start = min(start, max(now - TAG_WINDOW, datetime.fromisoformat(line.at) - READ_MARGIN))
        for each in owned_blocks(self.context.store):
            value = each.record.observed
            if each.record.system == self.name and value is not None:
                start, end = (
                    min(start, value.start - READ_MARGIN),
                    max(end, value.end + READ_MARGIN),
                )
        return Window(start, end)

    def _removal(self, each: OwnedBlock) -> Operation:
        record = each.record
        self.block_providers[record.id] = each.provider
        place = record.provider if record.provider in self.read else each.provider
        links = self.context.store.links(self.name, record.id)
        return Operation(
            Action.REMOVE_BLOCK,
            self.name,
            place,
            Kind.BLOCK,
            record.id,
            record.observed,
            None,
            bookings=tuple(sorted({link.booking for link in links})),
            key=record.key,
            reason=CLEANUP_REASON,
        )

    async def _write(self, wanted: Sequence[Operation]) -> bool:
        """Write removals; return whether the cleanup should continue."""
        read = [replace(c, read_at=self.seen.asked_at) for c in self.seen.coverage]
        written = await execute(self.system, wanted, read, self.write_context)
        if written.failures:
            self._why = written.failures[-1]
        fault = written.fault
        if isinstance(fault, RateLimitedError) and fault.wait <= MAX_RATE_LIMIT_WAIT:
            self.progress(f"{self.name} allows no more calls for {fault.wait:.0f} s")
            return await self.context.stopping.pause(self.context.clock, fault.wait)
        if fault is not None and not isinstance(fault, StoppingError):
            self._fail(fault)
        return fault is None and not self.context.stopping.is_set()

    async def _settle_pending(self) -> None:
        """Find out the outcome of writes that are open or queued, with a few rereads."""
        for seconds in (0.0, *RECHECK_DELAYS):
            open_ = [i for i in self.context.store.pending_intents() if self._concerns(i)]
            if not open_ or (
                seconds and not await self.context.stopping.pause(self.context.clock, seconds)
            ):
                return
            try:
                with supervised(self.name, "looking up writes without an outcome"):
                    for intent in open_:
                        if intent.state is IntentState.ACCEPTED:
                            await confirm_queued(self.reader, self.write_context, intent)
                    await recover(self.system, open_, self.write_context)
            except PlatformError as fault:
                log.info("outcome of a write still unknown", system=self.name, fault=str(fault))
                return

    def _concerns(self, intent: Intent) -> bool:
        operation = intent.operation
        if operation.system != self.name:
            return False
        if self._place(operation) in self.reader.wanted:
            return True
        block = self.reader.known().get(operation.event or "")
        return block is not None and block.provider in self.reader.wanted

    def _note_removed(self) -> bool:
        done = self._ended(IntentState.DONE)
        new = done.keys() - self.removed.keys()
        self.removed |= {id_: self._place(done[id_]) for id_ in done}
        return bool(new)

    def _ended(self, state: IntentState) -> dict[str, Operation]:
        """Return the removals of this run that ended in a state, by the id of their block."""
        return {
            i.operation.event: i.operation
            for i in self._intents(state)
            if i.run == self.report.run and i.operation.event is not None
        }

    def _intents(self, state: IntentState) -> Iterator[Intent]:
        """Yield the removals of all cleanups of this system that ended in a state."""
        asked = {"system": self.name, "reason": CLEANUP_REASON, "state": str(state)}
        return map(rows.to_intent, self.context.store.query(_REMOVALS, asked))

    async def _accept_refusals(self) -> None:
        """Record which refused removals concern blocks that are gone already."""
        refused = self._ended(IntentState.FAILED).values()
        now = self.context.clock.now()
        for operation in await accept_refusals_as_gone(self.reader, self.seen, refused, now):
            self.gone.setdefault(operation.event or "", self._place(operation))

    def _place(self, operation: Operation) -> str:
        if (provider := self.block_providers.get(operation.event or "")) is not None:
            return provider
        return self.context.provider_of(operation.provider, self.name)

    async def _prove(self) -> None:
        """Prove by reading that removed blocks are gone, also those of an earlier cleanup."""
        since = self.context.clock.now() - READ_MARGIN
        for intent in self._intents(IntentState.DONE):
            operation, event = intent.operation, intent.operation.event
            place = self._place(operation)
            if event is None or intent.opened_at < since or place not in self.reader.wanted:
                continue
            if event in self.seen.own or self.seen.covers(place, operation.before):
                continue
            try:
                with supervised(self.name, "proving that a block is gone"):
                    gone = await self.reader.is_gone(event, place, operation.before)
            except PlatformError as fault:
                self._fail(fault)
                return
            if gone is None:
                self.unproven[event] = place
        self.proven = not events_in_flight(self.context.store, self.name)

    def _fail(self, fault: PlatformError) -> None:
        if not isinstance(fault, StoppingError):
            self.fault = fault
            log.warning("cleanup", system=self.name, fault=str(fault))
