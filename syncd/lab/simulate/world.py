"""The three platforms as the simulator sees them: all events, and every change of one.

The events of a platform are compared after every request and every act by hand. A difference after
a request was made by syncd; a difference after an act was made by people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import httpx

from syncd.lab.sandbox.consistency import TAG_START
from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.limits import RateLimit
from syncd.lab.sandbox.scenario import PEOPLE, SYSTEM_NAMES, Clinic, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.lab.simulate import blocks, facts, hosted, merging, perform_acts, siblings
from syncd.lab.simulate.buffered import Buffers
from syncd.lab.simulate.cleaned_up import CleanedUp
from syncd.lab.simulate.facts import HALF_HOUR
from syncd.lab.simulate.far import FarMeeting
from syncd.lab.simulate.loop import VirtualClock
from syncd.lab.simulate.mass_edit import EVER, MAX_DELAY, Change, EventView, Key, MassEdit, Sliced
from syncd.lab.simulate.observed_transport import ObservedTransport
from syncd.lab.simulate.paused import Paused
from syncd.lab.simulate.rebooking import Rebooking
from syncd.lab.simulate.scenario import EventKind, SimEvent
from syncd.lab.simulate.spoilt import start_fault
from syncd.lab.simulate.staff import ChangedUsers
from syncd.lab.simulate.unmapped import Unmapped
from syncd.model import floor_to

NEAR_WINDOW = timedelta(days=14)


@dataclass(slots=True)
class World:
    """The seeded sandbox on virtual time, and everything that happened in it."""

    clock: VirtualClock
    seed: int
    judge: Callable[[Change], None] = lambda _change: None
    sandbox: Sandbox = field(init=False)
    seeded: Clinic = field(init=False)
    changes: list[Change] = field(default_factory=list)
    staff: ChangedUsers = field(default_factory=ChangedUsers)
    mass_edits: list[MassEdit] = field(default_factory=list)
    acceptances: list[datetime] = field(default_factory=list)
    answers: list[tuple[datetime, str]] = field(default_factory=list)
    chosen_times: set[tuple[str, datetime]] = field(default_factory=set)
    choices: frozenset[str] = frozenset()
    twin_deleted: str = "cancel"
    block_edited: str = "restore"
    ours: set[tuple[str, str]] = field(default_factory=set)  # every block that syncd made
    broken: dict[tuple[str, str], datetime] = field(default_factory=dict)  # since when
    ownerless: set[tuple[str, str]] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)  # writes without an effect
    kept_short: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    state_losses: list[datetime] = field(default_factory=list)
    offsets: list[tuple[datetime, timedelta]] = field(default_factory=list)
    unspelt: dict[str, datetime] = field(default_factory=dict)  # shows unknown status words since
    fixed: set[str] = field(default_factory=set)  # events that nobody touches
    concealed: set[str] = field(default_factory=set)  # systems that hide events
    unlisted: set[str] = field(default_factory=set)
    unnamed: set[tuple[str, str]] = field(default_factory=set)
    gateways: list[tuple[str, RateLimit]] = field(default_factory=list)
    deaths: list[datetime] = field(default_factory=list)
    series: str = "hold"
    classes: list[tuple[datetime, str, str]] = field(default_factory=list)
    slices: dict[tuple[str, str], dict[Key, Sliced]] = field(default_factory=dict)
    known: set[tuple[object, ...]] = field(default_factory=set)  # acknowledged, see `status_check`
    moved_along: list[Change] = field(default_factory=list)
    released: set[str] = field(default_factory=set)
    rebookings: list[Rebooking] = field(default_factory=list)
    far: list[FarMeeting] = field(default_factory=list)
    mergers: list[merging.Merger] = field(default_factory=list)
    ended_mergers: list[merging.Merger] = field(default_factory=list)
    unmapped: Unmapped = field(default_factory=Unmapped)
    report_violation: Callable[[str], None] = lambda _line: None
    paused: Paused = field(default_factory=Paused)
    cleaned: CleanedUp = field(default_factory=CleanedUp)
    buffers: Buffers = field(default_factory=Buffers)
    _last: dict[str, dict[str, EventView]] = field(default_factory=dict)
    _looked_at: dict[str, int] = field(default_factory=dict)
    _owners: dict[tuple[str, str], str] = field(default_factory=dict)
    _people: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Seed the sandbox, and add the events that exist on every day."""
        self.sandbox = Sandbox(self.clock, seed=self.seed)
        self.sandbox.legacy.checks_slots = False  # office hours are not under test
        self.seeded = seed_clinic(self.sandbox, self.clock.now(), empty=True)
        self._owners = self.seeded.owners
        for name, system in self.sandbox.systems.items():
            # Two customers who are known in every system, by e-mail or by phone.
            self._people[name] = {
                "kim": self.seeded.seed_users[name, PEOPLE[0]].contact,
                "lee": system.add_contact("Lee Example", "", "+4930555020"),
            }
            self._last[name] = {}
        # v2 proves a removal only by other blocks in the list: one that nobody ever touches.
        carol = self.seeded.seed_users["clinic", "carol"].user
        away = self.clock.now() + timedelta(days=40)
        self.fixed = {self.sandbox.clinic.block(carol, away, away + HALF_HOUR, "Closed")}
        for name in SYSTEM_NAMES:
            self.observe(name, by_hand=True)

    # --- looking ------------------------------------------------------------------------------

    def observe(self, system: str, *, by_hand: bool) -> None:
        """Record what changed on one platform since the last observation."""
        changes = self.sandbox.systems[system].changes()
        # An act by hand may have changed a user, and thereby the owner of events, without a change
        # here.
        if not by_hand and changes == self._looked_at.get(system):
            return
        self._looked_at[system] = changes
        before, after = self._last[system], dict(self._read_events(system, by_hand=by_hand))
        if before == after:
            return
        self._last[system] = after
        now = self.clock.now()
        fresh = [
            Change(now, system, event, before.get(event), after.get(event), by_hand)
            for event in sorted(before.keys() | after.keys())
            if before.get(event) != after.get(event)
        ]
        self.changes += fresh
        if not by_hand:
            siblings.note_platform_changes(self, system, fresh)
            self.ours |= {(system, c.event) for c in fresh if c.before is None}
            for change in fresh:
                self.judge(change)

    def _read_events(self, system: str, *, by_hand: bool = True) -> Iterator[tuple[str, EventView]]:
        platform = self.sandbox.systems[system]
        owners = {user: owner for (name, user), owner in self._owners.items() if name == system}
        for meeting in platform.appointments():
            users = merging.users_with_merged(
                self, system, meeting.id, *hosted.meeting_users(meeting)
            )
            for event, host in () if meeting.deleted else hosted.shares(meeting.id, users, owners):
                end = facts.end_of(self, system, meeting)
                view = hosted.view_of(meeting, host, self.end_of(end))
                self.buffers.note(view)
                yield event, view
        for block in platform.blocks():
            users = merging.users_with_merged(self, system, block.id, block.user)
            if (system, block.id) in self.ours:
                users = users[:1]
            unseen = facts.is_unlisted(self, system, block.id, by_hand=by_hand)
            for event, host in (
                () if block.deleted or unseen else hosted.shares(block.id, users, owners)
            ):
                end = self.end_of(block.end)
                view = EventView(host, "block", block.start, end, busy=True)
                ours = bool(self.buffers) and (
                    TAG_START in block.title  # a platform may strip it
                    or (system, block.id) in self.ours
                    or (not by_hand and block.id not in self._last[system])
                )
                yield event, self.buffers.meant(view) if ours else view

    def end_of(self, end: datetime) -> datetime:
        """Return `EVER` for an end about a year away: there syncd cuts an end "for ever"."""
        ahead = end - self.clock.now()
        return EVER if timedelta(days=300) < ahead < timedelta(days=366) else end

    def events(self, system: str) -> dict[str, EventView]:
        """Return the events that are on one platform now, by id."""
        return self._last[system]

    def customer(self, system: str, view: EventView) -> str:
        """Return the customer of a meeting, '' for a block."""
        known = self._people[system].items()
        return next((customer for customer, contact in known if contact == view.contact), "")

    def contact(self, system: str, customer: str) -> str:
        """Return the id of a customer in a system."""
        return self._people[system][customer]

    def transport(self, system: str) -> httpx.AsyncBaseTransport:
        """Return the program's transport to one platform."""
        return ObservedTransport(self, system)

    # --- acting -------------------------------------------------------------------------------

    def apply(self, step: SimEvent) -> str:
        """Perform a step by hand; return what was done, '' if nothing was."""
        for name in SYSTEM_NAMES:
            self.observe(name, by_hand=False)  # changes by queued jobs that are due are syncd's
        self._restore_names(self.clock.now())
        merging.undo_merges(self, self.clock.now())
        done = self._dispatch(step)
        self.observe(step.system, by_hand=True)
        self._end_mass_edits()
        self.acts[step.kind] += bool(done)
        return done

    def _change_users(self, step: SimEvent, provider: str) -> str:
        """Give a user another address or id, or the old one back; or hide the list of users."""
        system, now = step.system, self.clock.now()
        if step.kind is EventKind.HIDE_USERS:
            return self.staff.hide(step, self.sandbox.systems, now)
        if merging.is_merged(self, system):
            return ""
        user = self.seeded.seed_users[system, provider].user
        new = self.staff.rename(step, provider, user, self.sandbox.systems[system], now)
        return f"{provider} now has the user {self._assign_user(system, provider, new)}"

    def _assign_user(self, system: str, provider: str, user: str) -> str:
        """Record the user by which a provider is known in a system."""
        seat = replace(self.seeded.seed_users[system, provider], user=user)
        self.seeded = replace(
            self.seeded, seed_users={**self.seeded.seed_users, (system, provider): seat}
        )
        self._owners[system, user] = provider
        return user

    def _restore_names(self, now: datetime | None = None) -> None:
        for system, provider in self.staff.due(now):
            self._assign_user(
                system, provider, self.staff.back((system, provider), self.sandbox.systems[system])
            )

    def _end_mass_edits(self) -> None:
        """End the mass edits of a calendar that was edited since: its change is another one now."""
        now = self.clock.now()
        for mass_edit in self.mass_edits:
            touched = any(
                c.at == now
                and c.by_hand
                and c.system == mass_edit.system
                and any(
                    view and view.provider == mass_edit.provider for view in (c.before, c.after)
                )
                for c in self.changes
            )
            mass_edit.over |= touched and mass_edit.at < now

    def note_acceptance(self, listed_at: datetime | None = None) -> None:
        """Record that the operator accepted all mass edits, or those from before ``listed_at``."""
        until = listed_at or self.clock.now()
        self.acceptances.append(until)
        for mass_edit in (a for a in self.mass_edits if a.at <= until):
            mass_edit.over = True
            mass_edit.accepted_at = mass_edit.accepted_at or self.clock.now()

    def note_state_loss(self) -> None:
        """Record that the state was lost or restored: stops, pauses and later history are gone."""
        self.note_acceptance()
        self.paused.end(self.clock.now())
        self.state_losses.append(self.clock.now())
        # A new state does not know the ends that v1 ignored, either.
        self.sandbox.legacy.replaced_ends.clear()
        self._last["legacy"] = dict(self._read_events("legacy"))

    def may_be_lost(self, at: datetime) -> bool:
        """Return true if a decision on a change at that time may have been lost with a state."""
        return any(at < lost + MAX_DELAY for lost in self.state_losses)

    def has_edited_block(self, system: str) -> bool:
        """Return true if somebody edited a block of syncd there too recently to be read."""
        since = self.clock.now() - MAX_DELAY
        return any(
            c.by_hand and c.at > since and (system, c.event) in self.ours
            for c in reversed(self.changes)
            if c.system == system
        )

    def note_answer(self, provider: str = "", at: datetime | None = None) -> None:
        """Record a decision by the operator, for one provider or all, with the chosen start."""
        self.answers.append((self.clock.now(), provider))
        self.chosen_times |= set() if at is None else {(provider, at)}

    def _dispatch(self, step: SimEvent) -> str:
        start = self._time(step.slot)
        end = start + HALF_HOUR * (1 + step.slot % 3)
        provider, done = PEOPLE[step.number % len(PEOPLE)], ""
        match step.kind:
            case EventKind.BOOK | EventKind.FILL:
                done = self._book(step, start, end, provider)
            case EventKind.BLOCK | EventKind.FOR_EVER:
                done = blocks.close(self, step, start, end, provider)
            case EventKind.TWIN:
                done = self._twin(step)
            case EventKind.MOVE | EventKind.CANCEL | EventKind.DELETE | EventKind.REASSIGN:
                done = self._change_meeting(step, start)
            case EventKind.WIPE | EventKind.SHIFT:
                done = self._edit_calendar(step, provider)
            case EventKind.RENAME_USER | EventKind.HIDE_USERS:
                done = self._change_users(step, provider)
            case (
                EventKind.MOVE_BLOCK
                | EventKind.REMOVE_BLOCK
                | EventKind.EDIT_OURS
                | EventKind.REMOVE_OURS
            ):
                done = blocks.change(self, step, start, end)
            case EventKind.COPY_OURS | EventKind.COPY_TO_MEETING | EventKind.PASTE_TAG:
                done = blocks.copy_ours(self, step, start, end, provider)
            case _:
                done = perform_acts.perform(self, step, start)
        return done

    def _book(self, step: SimEvent, start: datetime, end: datetime, provider: str) -> str:
        """Enter a meeting, or (to fill a calendar) many in a row."""
        seat = self.seeded.seed_users[step.system, provider]
        contact = self._people[step.system][("kim", "lee")[step.slot % 2]]
        event = ""
        for number in range(step.times):
            by = number * (end - start)
            event = self.sandbox.systems[step.system].book(
                seat.calendar, seat.user, start + by, end + by, contact, title="Knee pain"
            )
        return f"{step.kind} {provider} {event} {start:%d %H:%M} x{step.times}"

    def _twin(self, step: SimEvent) -> str:
        """Enter a meeting of another system here as well, or a rival one of another customer."""
        candidates = [
            (name, view)
            for name in SYSTEM_NAMES
            if name != step.system
            for view in self._last[name].values()
            if view.kind == "appointment" and view.busy and view.start > self.clock.now()
        ]
        if not candidates:
            return ""
        name, view = candidates[step.number % len(candidates)]
        people = self._people[name].items()
        same = step.slot % 5 != 0
        customer = next(p for p, contact in people if (contact == view.contact) is same)
        seat = self.seeded.seed_users[step.system, view.provider]
        event = self.sandbox.systems[step.system].book(
            seat.calendar, seat.user, view.start, view.end, self._people[step.system][customer]
        )
        kind = "twin" if same else "rival"
        return f"{kind} {view.provider} {event} {view.start:%d %H:%M}"

    def _change_meeting(self, step: SimEvent, start: datetime) -> str:
        platform = self.sandbox.systems[step.system]
        candidates = sorted(
            event
            for event, view in self._last[step.system].items()
            if view.kind == "appointment"
            and view.busy
            and view.end > self.clock.now()
            and not hosted.is_share(event)
        )
        if not candidates:
            return ""
        event = candidates[step.number % len(candidates)]
        view = self._last[step.system][event]
        match step.kind:
            case EventKind.MOVE:
                platform.move(event, start, start + (view.end - view.start))
                return f"move {event} to {start:%d %H:%M}"
            case EventKind.CANCEL:
                platform.cancel(event)
                return f"cancel {event}"
            case EventKind.DELETE:
                platform.delete(event)
                return f"delete {event}"
            case _:
                other = PEOPLE[(PEOPLE.index(view.provider) + 1) % len(PEOPLE)]
                user = self.seeded.seed_users[step.system, other].user
                platform.move(event, view.start, view.end, user=user)
                return f"reassign {event} to {other}"

    def _edit_calendar(self, step: SimEvent, provider: str) -> str:
        """Delete all meetings of a provider's calendar, or move everything in it by an hour."""
        platform = self.sandbox.systems[step.system]
        events = {e: s for e, s in self._last[step.system].items() if s.provider == provider}
        known = frozenset(
            e for e, view in events.items() if self.is_propagated(step.system, e, view)
        )
        hour = timedelta(hours=-1 if step.slot else 1)
        for event, view in sorted(events.items()):
            if view.end == EVER:
                continue
            if step.kind is EventKind.SHIFT and view.kind == "block":
                platform.move_block(hosted.platform_id(event), view.start + hour, view.end + hour)
            elif step.kind is EventKind.SHIFT:
                platform.move(hosted.platform_id(event), view.start + hour, view.end + hour)
            elif view.kind == "appointment" and view.busy and view.end > self.clock.now():
                platform.delete(hosted.platform_id(event))
        after = dict(self._read_events(step.system))
        # Only the near window is read in one cycle; changes further ahead may be read in parts.
        now = self.clock.now()
        near = {e: view for e, view in events.items() if view.start < now + NEAR_WINDOW}
        news = {e: (view, after.get(e)) for e, view in near.items() if after.get(e) != view}
        if not news:
            return ""
        # An event that returns to where an earlier mass edit took it from is no change.
        known -= {
            e
            for earlier in self.mass_edits
            if (earlier.system, earlier.provider, earlier.over) == (step.system, provider, False)
            for e, (_, shown) in news.items()
            if shown is not None and earlier.put_back(e, shown)
        }
        ahead = {e for e, view in near.items() if view.end > now}
        ours = frozenset(e for e in ahead if (step.system, e) in self.ours)
        mass_edit = MassEdit(now, step.system, provider, news, known, len(ahead), ours=ours)
        mass_edit.restores = self.block_edited == "restore"
        self.mass_edits.append(mass_edit)
        stops = ", to be stopped" if mass_edit.stops else ""
        return f"{step.kind} {provider}: {len(news)} of {len(near)} events{stops}"

    def is_propagated(self, system: str, event: str, view: EventView) -> bool:
        """Return true if syncd certainly knows an event: it made it, or blocked it elsewhere."""
        return (system, event) in self.ours or any(
            (other, name) in self.ours and block.key == view.key
            for other in SYSTEM_NAMES
            if other != system
            for name, block in self._last[other].items()
        )

    def _time(self, slot: int) -> datetime:
        """Return a time by number: mostly soon, some at odd minutes or the edges of windows."""
        now = self.clock.now()
        if slot % 50 == 0:
            return floor_to(now + timedelta(days=60), timedelta(minutes=5)) - HALF_HOUR
        if slot % 31 == 0:
            return floor_to(now + NEAR_WINDOW, timedelta(minutes=5)) - HALF_HOUR
        base = floor_to(now, timedelta(hours=1)) + timedelta(hours=2)
        odd = timedelta(minutes=7) if slot % 13 == 0 else timedelta(0)
        return base + timedelta(minutes=30 * (slot % 80)) + odd

    def inject_fault(self, step: SimEvent) -> None:
        """Switch a fault on."""
        start_fault(self.sandbox.systems[step.system].faults, step, self.clock.now())

    def clear_faults(self) -> None:
        """Switch all faults off, and restore changed users."""
        self._restore_names()
        merging.undo_merges(self)
        for platform in self.sandbox.systems.values():
            platform.broken_rows.clear()
            platform.hidden.clear()
            platform.gateway_limit = None
            for kind in set(FaultKind) - {FaultKind.HALF_EMOJI, FaultKind.ODD_STATUS}:
                # These last: nobody repairs texts or changes words back.
                platform.faults.clear(kind)
