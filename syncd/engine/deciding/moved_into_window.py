"""Find the twins of appointments that were rescheduled from beyond the window into it.

Example: a meeting is booked in two systems for a day after the far window, so syncd knows neither
event. Somebody moves one of the two events into the window. The second event, the twin, is still
beyond the window, so this module reads there once. A search costs one read per system, in the cycle
that read the moved appointment, and is repeated only if it could not be finished. Open searches are
stored (`TrackedEvent.moved_in_at`); the time of the next attempt is kept in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from syncd.core.event_state.observation import apply_observation
from syncd.core.matching.moved_into_window import (
    MOVED_IN,
    BeyondWindow,
    as_it_was,
    as_question,
    candidates,
    is_certain,
    is_single,
    looked_for,
    unknown_customers,
)
from syncd.engine.context import Context
from syncd.engine.reading.observation import Observation
from syncd.engine.report.run_report import Report, SystemStatus
from syncd.engine.tasks.supervise import supervised
from syncd.model import (
    Changes,
    Clock,
    HistoryEntry,
    Id,
    Kind,
    ProviderState,
    Topic,
    TrackedEvent,
    Window,
)
from syncd.store.queries.moved_into_window import whole_reads
from syncd.store.repository.partial_load import related_state
from syncd.systems.errors import PlatformError, UnreadableError
from syncd.systems.port import Reader, Snapshot

SEARCH_BEYOND = timedelta(days=366)
"""How far after now a search ends."""

MAX_CUSTOMER_LOOKUPS = 40
"""Maximum lookups of customers in the searches of one cycle; the next cycle continues."""

MAX_SEARCH_TIME = 20.0
"""Seconds that the searches of one cycle may take: the cycle's decisions wait for them."""

_TRY_AGAIN = 0.8
"""A failed search is repeated after this share of the interval between two far reads."""


async def search_beyond_window(
    ctx: Context,
    chosen: Collection[str],
    observed: Mapping[str, Observation],
    report: Report,
) -> None:
    """Search for the twins of appointments that were moved into the window, and store the results.

    Runs in each cycle, after the reads and before the decisions, for the ``chosen`` providers.
    ``observed`` are this cycle's reads. A provider is skipped until all of its systems have
    responded, as the twin may be in any of them. A failed read adds a remark to ``report``, and the
    search is repeated later. Raises no PlatformError.
    """
    queue = ctx.moved_in
    queue.update(ctx.store, observed)
    due = [r for r in queue.due(ctx.store, ctx.now()) if r.provider in chosen]
    if not due:
        return
    by_provider: dict[str, list[Id]] = {}
    for record in due:
        by_provider.setdefault(record.provider, []).append((record.system, record.id))
    states = related_state(ctx.store, by_provider)
    unpaired: list[TrackedEvent] = []
    for record in due:
        match _twins(record, states[record.provider], ctx.now()):
            case None:
                _settle(ctx, record, Changes(records=[looked_for(record)]))
            case False if _have_answered(ctx, record.provider, observed):
                unpaired.append(record)
            case _:
                pass
    if not unpaired:
        return
    search = _Search(ctx, report, unpaired)
    try:
        async with asyncio.timeout(MAX_SEARCH_TIME):
            await search.read()
            for record in unpaired:
                await search.find(record, states[record.provider])
    except TimeoutError:
        for record in unpaired:
            ctx.moved_in.postpone(record, search.later)


async def _read_beyond(
    system: Reader, clock: Clock, window: Window, to_read: Sequence[str]
) -> tuple[datetime, Snapshot]:
    """Read a window; return the time of the request (the response may be late) and the snapshot."""
    at = clock.now()
    return at, await system.read(window, to_read)


def _twins(record: TrackedEvent, state: ProviderState, now: datetime) -> bool | None:
    """Return true if an event at the same time may be the twin, false if a search is needed.

    None: no search is needed, because the event is over or not busy, or its booking already has a
    second meeting. If true, the next decision matches the events in the window first.
    """
    value = record.observed
    if record.moved_in_at is None or value is None or not value.busy or value.end <= now:
        return None
    meeting_replicas = [r for r in state.replicas if r.role.is_meeting]
    bookings = {
        r.booking for r in meeting_replicas if (r.system, r.event) == (record.system, record.id)
    }
    if bookings:
        return None if sum(r.booking in bookings for r in meeting_replicas) > 1 else False
    return any(
        other.system != record.system
        and is_single(other)
        and other.observed is not None
        and other.observed.interval == value.interval
        for other in state.records
    )


def _systems(ctx: Context, provider: str) -> list[str]:
    return [name for name in ctx.mapping[provider] if name in ctx.systems]


def _have_answered(ctx: Context, provider: str, observed: Mapping[str, Observation]) -> bool:
    names = _systems(ctx, provider)
    seen = [observed[name] for name in names if name in observed]
    return len(seen) == len(names) and all(
        o.state is SystemStatus.OK and provider not in o.without_user for o in seen
    )


def _settle(ctx: Context, record: TrackedEvent, changes: Changes) -> None:
    ctx.store.apply(changes)
    ctx.moved_in.remove(record)
    ctx.dirty.mark_whole([record.provider])


@dataclass(slots=True)
class _Search:
    """One search beyond the window, for the twins of all ``newcomers``.

    A newcomer is an appointment that was moved into the window. ``shown`` holds the appointments
    found beyond the window, by (system, provider). A calendar that is not in ``shown`` was not read
    completely. ``lookups_left`` is how many customers may still be looked up in this cycle.
    """

    ctx: Context
    report: Report
    newcomers: Sequence[TrackedEvent]
    shown: dict[tuple[str, str], list[TrackedEvent]] = field(default_factory=dict)
    lookups_left: int = MAX_CUSTOMER_LOOKUPS

    @property
    def later(self) -> datetime:
        """Return when to repeat a search that could not be finished."""
        return self.ctx.now() + self.ctx.policy.far_every * _TRY_AGAIN

    async def read(self) -> None:
        """Read each system of the newcomers' providers once, from the end of the window on."""
        wanted: dict[str, set[str]] = {}
        for provider in {r.provider for r in self.newcomers}:
            for name in _systems(self.ctx, provider):
                wanted.setdefault(name, set()).add(provider)
        await asyncio.gather(*(self._read(n, sorted(p)) for n, p in sorted(wanted.items())))

    async def _read(self, name: str, providers: Sequence[str]) -> None:
        ctx, system = self.ctx, self.ctx.systems[name]
        whole = whole_reads(ctx.store, name)
        to_read = [provider for provider in providers if provider in whole]
        if not to_read:
            return
        now = ctx.now()
        window = Window(min(whole[p].ends for p in to_read), now + SEARCH_BEYOND)
        if window.start >= window.end:
            self.shown |= {(name, provider): [] for provider in to_read}
            return
        try:
            with supervised(name, "reading beyond the window"):
                call = partial(_read_beyond, system, ctx.clock, window, to_read)
                at, snapshot = await ctx.tasks.ask(name, ("beyond", *to_read), call)
        except PlatformError as fault:
            self._remark(name, str(fault))
            return
        proven = {
            p: [c.window for c in snapshot.coverage if c.provider == p and _of_meetings(c.kinds)]
            for p in to_read
        }
        unread = {b.provider for b in snapshot.malformed if b.topic is Topic.UNREADABLE}
        found: dict[str, list[TrackedEvent]] = {p: [] for p in to_read}
        for row in snapshot.rows:
            try:
                event = system.event(row)
            except UnreadableError:
                unread.add(row.provider)
                continue
            lag = system.capabilities.lag
            record, _ = apply_observation(None, event, row.fingerprint, at, lag)
            if record.provider in found and record.kind is Kind.APPOINTMENT:
                found[record.provider].append(record)
        lacking = [p for p in to_read if not window.covered_by(proven[p])]
        if lacking:
            self._remark(name, "the lists are incomplete")
        for provider in to_read:
            # An unreadable record could be the twin, so no candidate is certain.
            if provider not in lacking:
                none_known = provider in unread or "" in unread
                self.shown[name, provider] = [] if none_known else found[provider]

    def _remark(self, system: str, why: str) -> None:
        self.report.remarks.append(
            f"{system}: meetings that were moved into the window are not matched yet, because the "
            f"events after the window could not be read ({why}); syncd will try again"
        )

    async def find(self, newcomer: TrackedEvent, state: ProviderState) -> None:
        """Search the rows that were read for the twin of one newcomer, and store the result.

        ``state`` is the stored state of its provider. Nothing is stored if a calendar was not read
        completely or a customer could not be looked up; the search is then postponed.
        """
        ctx, provider = self.ctx, newcomer.provider
        systems = _systems(ctx, provider)
        if any((name, provider) not in self.shown for name in systems):
            ctx.moved_in.postpone(newcomer, self.later)
            return
        others = [
            record
            for name in systems
            if name != newcomer.system
            for record in self._unknown(name, self.shown[name, provider])
        ]
        beyond = BeyondWindow(self.shown[newcomer.system, provider], others)
        customers = await ctx.customers.look_up((), ctx.systems, ctx.tasks)
        while wanted := unknown_customers(newcomer, beyond, customers)[: self.lookups_left]:
            before = len(wanted)
            customers = await ctx.customers.look_up(wanted, ctx.systems, ctx.tasks)
            self.lookups_left -= before
            if any((r.system, r.customer or "") not in customers for r in wanted):
                ctx.moved_in.postpone(newcomer, self.later)
                return
        if unknown_customers(newcomer, beyond, customers):
            return  # The next cycle goes on.
        found = candidates(newcomer, beyond, customers)
        _settle(ctx, newcomer, self._outcome(newcomer, state, found))

    def _unknown(self, system: str, found: Sequence[TrackedEvent]) -> list[TrackedEvent]:
        known = {r.id for r in self.ctx.store.records(system, [r.id for r in found])}
        return [record for record in found if record.id not in known]

    def _outcome(
        self, newcomer: TrackedEvent, state: ProviderState, found: Sequence[TrackedEvent]
    ) -> Changes:
        ctx, now = self.ctx, self.ctx.now()
        if not found:
            return Changes(records=[looked_for(newcomer)])
        if not is_certain(found):
            return as_question(newcomer, found, ctx.ids.row(), now, self.report.run)
        meeting_replicas = {
            r.booking for r in state.replicas if (r.system, r.event) == _id(newcomer)
        }
        booking = next((b for b in state.bookings if b.id in meeting_replicas), None)
        note = HistoryEntry(now, self.report.run, newcomer.provider, "seen", rule=MOVED_IN)
        return as_it_was(newcomer, booking, found, note, ctx.ids.row())


def _id(record: TrackedEvent) -> Id:
    return (record.system, record.id)


def _of_meetings(kinds: Collection[Kind]) -> bool:
    return Kind.APPOINTMENT in kinds
