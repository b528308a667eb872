"""The three platforms as the simulator sees them: who does what to which event, by hand or by call.

Every request and every act by hand is followed by a look at all events of that platform. What
differs after a request was done by syncd; what differs after an act was done by people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import httpx

from syncd.model import floor_to
from syncd.sandbox.consistency import MARK
from syncd.sandbox.faults import FaultKind
from syncd.sandbox.limits import RateLimit
from syncd.sandbox.scenario import PEOPLE, SYSTEMS, Clinic, seed_clinic
from syncd.sandbox.server import Sandbox
from syncd.simulate import blocks, facts, hosted, merging, perform_acts, siblings
from syncd.simulate.buffered import Buffers
from syncd.simulate.cleaned_up import CleanedUp
from syncd.simulate.far import FarMeeting
from syncd.simulate.loop import VirtualClock
from syncd.simulate.mass_edit import EVER, LATE, Change, Key, MassEdit, Sliced, View
from syncd.simulate.observed_transport import ObservedTransport
from syncd.simulate.paused import Paused
from syncd.simulate.rebooking import Rebooking
from syncd.simulate.scenario import EventKind, SimEvent
from syncd.simulate.spoilt import switch_on
from syncd.simulate.staff import Staff
from syncd.simulate.unmapped import Unmapped

HALF_HOUR = timedelta(minutes=30)
NEAR = timedelta(days=14)


@dataclass(slots=True)
class World:
    """The furnished sandbox on virtual time, and all that happened in it."""

    clock: VirtualClock
    seed: int
    judge: Callable[[Change], None] = lambda _change: None
    sandbox: Sandbox = field(init=False)
    world: Clinic = field(init=False)
    changes: list[Change] = field(default_factory=list)
    staff: Staff = field(default_factory=Staff)
    accidents: list[MassEdit] = field(default_factory=list)
    passed: list[datetime] = field(default_factory=list)
    answers: list[tuple[datetime, str]] = field(default_factory=list)
    said_at: set[tuple[str, datetime]] = field(default_factory=set)
    choices: frozenset[str] = frozenset()
    twin_deleted: str = "cancel"
    block_edited: str = "restore"
    ours: set[tuple[str, str]] = field(default_factory=set)
    broken: dict[tuple[str, str], datetime] = field(default_factory=dict)
    ownerless: set[tuple[str, str]] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)
    kept_short: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    forgotten: list[datetime] = field(default_factory=list)
    offsets: list[tuple[datetime, timedelta]] = field(default_factory=list)
    unspelt: dict[str, datetime] = field(default_factory=dict)
    fixed: set[str] = field(default_factory=set)
    concealed: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    unnamed: set[tuple[str, str]] = field(default_factory=set)
    gateways: list[tuple[str, RateLimit]] = field(default_factory=list)
    deaths: list[datetime] = field(default_factory=list)
    series: str = "hold"
    classes: list[tuple[datetime, str, str]] = field(default_factory=list)
    slices: dict[tuple[str, str], dict[Key, Sliced]] = field(default_factory=dict)
    known: set[tuple[object, ...]] = field(default_factory=set)
    moved_along: list[Change] = field(default_factory=list)
    released: set[str] = field(default_factory=set)
    rebookings: list[Rebooking] = field(default_factory=list)
    far: list[FarMeeting] = field(default_factory=list)
    mergers: list[merging.Merger] = field(default_factory=list)
    ended_mergers: list[merging.Merger] = field(default_factory=list)
    unmapped: Unmapped = field(default_factory=Unmapped)
    break_promise: Callable[[str], None] = lambda _line: None
    paused: Paused = field(default_factory=Paused)
    cleaned: CleanedUp = field(default_factory=CleanedUp)
    buffers: Buffers = field(default_factory=Buffers)
    _last: dict[str, dict[str, View]] = field(default_factory=dict)
    _looked_at: dict[str, int] = field(default_factory=dict)
    _owners: dict[tuple[str, str], str] = field(default_factory=dict)
    _people: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Hire, and let the first bookings be entered by hand."""
        self.sandbox = Sandbox(self.clock, seed=self.seed)
        # Whether a time is inside office hours is not what is tried here.
        self.sandbox.legacy.checks_slots = False
        self.world = seed_clinic(self.sandbox, self.clock.now(), empty=True)
        self._owners = self.world.owners
        for name, system in self.sandbox.systems.items():
            # Two customers who are known everywhere, by e-mail or by phone.
            self._people[name] = {
                "kim": self.world.seats[name, PEOPLE[0]].contact,
                "lee": system.add_contact("Lee Example", "", "+4930555020"),
            }
            self._last[name] = {}
        # v2 tells a removed block from a list that failed only by the other blocks in it, so there
        # is one that nobody touches, as there is in every real location.
        carol = self.world.seats["clinic", "carol"].user
        away = self.clock.now() + timedelta(days=40)
        self.fixed = {self.sandbox.clinic.block(carol, away, away + HALF_HOUR, "Closed")}
        for name in SYSTEMS:
            self.observe(name, by_hand=True)

    # --- looking ------------------------------------------------------------------------------

    def observe(self, system: str, *, by_hand: bool) -> None:
        """Note what differs on one platform since the last look."""
        changes = self.sandbox.systems[system].changes()
        # By hand a user may have become another one, too, and so the events somebody else's.
        if not by_hand and changes == self._looked_at.get(system):
            return
        self._looked_at[system] = changes
        before, after = self._last[system], dict(self._events(system, by_hand=by_hand))
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
            siblings.note_carried(self, system, fresh)
            self.ours |= {(system, c.event) for c in fresh if c.before is None}
            for change in fresh:
                self.judge(change)

    def _events(self, system: str, *, by_hand: bool = True) -> Iterator[tuple[str, View]]:
        platform = self.sandbox.systems[system]
        owners = {user: who for (name, user), who in self._owners.items() if name == system}
        for meeting in platform.appointments():
            users = merging.users_of(self, system, meeting.id, *hosted.users_of(meeting))
            for event, host in () if meeting.deleted else hosted.shares(meeting.id, users, owners):
                end = facts.end_of(self, system, meeting)
                seen = hosted.seen(meeting, host, self.end_of(end))
                self.buffers.note(seen)
                yield event, seen
        for block in platform.blocks():
            users = merging.users_of(self, system, block.id, block.user)
            if (system, block.id) in self.ours:
                users = users[:1]
            unseen = facts.is_unlisted(self, system, block.id, by_hand=by_hand)
            for event, host in (
                () if block.deleted or unseen else hosted.shares(block.id, users, owners)
            ):
                end = self.end_of(block.end)
                seen = View(host, "block", block.start, end, busy=True)
                ours = bool(self.buffers) and (
                    MARK in block.title  # which a platform may strip
                    or (system, block.id) in self.ours
                    or (not by_hand and block.id not in self._last[system])
                )
                yield event, self.buffers.meant(seen) if ours else seen

    def end_of(self, end: datetime) -> datetime:
        """An end about a year away is where syncd puts one that stands for "for ever"."""
        ahead = end - self.clock.now()
        return EVER if timedelta(days=300) < ahead < timedelta(days=366) else end

    def endless(self) -> Iterator[str]:
        """Name the blocks of syncd's that have no end: an end "for ever" is to be cut."""
        last = self.clock.now() + timedelta(days=366)
        for name, platform in self.sandbox.systems.items():
            for block in platform.blocks():
                if (name, block.id) in self.ours and not block.deleted and block.end > last:
                    yield f"4: a block that ends on {block.end:%d %b %Y}: {name} {block.id}"

    def standing(self, system: str) -> dict[str, View]:
        """What stands on one platform now."""
        return self._last[system]

    def person(self, system: str, seen: View) -> str:
        """Who a meeting is with, '' for a block."""
        known = self._people[system].items()
        return next((person for person, contact in known if contact == seen.contact), "")

    def contact(self, system: str, person: str) -> str:
        """The id of somebody in a system."""
        return self._people[system][person]

    def transport(self, system: str) -> httpx.AsyncBaseTransport:
        """The way to one platform for the program."""
        return ObservedTransport(self, system)

    # --- acting -------------------------------------------------------------------------------

    def apply(self, step: SimEvent) -> str:
        """Do by hand what a step says; what was done, '' if there was nothing to do it to."""
        for name in SYSTEMS:
            self.observe(name, by_hand=False)  # jobs that are due are syncd's doing
        self._names_back(self.clock.now())
        merging.take_back(self, self.clock.now())
        done = self._do(step)
        self.observe(step.system, by_hand=True)
        self._end_accidents()
        self.acts[step.kind] += bool(done)
        return done

    def _change_users(self, step: SimEvent, who: str) -> str:
        """Give somebody another address or id, or the old one back; or hide the list of users."""
        system, now = step.system, self.clock.now()
        if step.kind is EventKind.HIDE_USERS:
            return self.staff.hide(step, self.sandbox.systems, now)
        if merging.is_merged(self, system):
            return ""
        user = self.world.seats[system, who].user
        new = self.staff.rename(step, who, user, self.sandbox.systems[system], now)
        return f"{who} is {self._seated(system, who, new)} now"

    def _seated(self, system: str, who: str, user: str) -> str:
        """Note by which name a person is known in a system."""
        seat = replace(self.world.seats[system, who], user=user)
        self.world = replace(self.world, seats={**self.world.seats, (system, who): seat})
        self._owners[system, user] = who
        return user

    def _names_back(self, now: datetime | None = None) -> None:
        for system, who in self.staff.due(now):
            self._seated(system, who, self.staff.back((system, who), self.sandbox.systems[system]))

    def _end_accidents(self) -> None:
        """What is edited after an accident is other news: it is judged no further."""
        now = self.clock.now()
        for accident in self.accidents:
            touched = any(
                c.at == now
                and c.by_hand
                and c.system == accident.system
                and any(seen and seen.provider == accident.provider for seen in (c.before, c.after))
                for c in self.changes
            )
            accident.over |= touched and accident.at < now

    def accepted(self, listed_at: datetime | None = None) -> None:
        """A person lets all pass that stands stopped, or (``listed_at``) did at that time."""
        until = listed_at or self.clock.now()
        self.passed.append(until)
        for accident in (a for a in self.accidents if a.at <= until):
            accident.over = True
            accident.accepted_at = accident.accepted_at or self.clock.now()

    def forgot(self) -> None:
        """The state is gone, or older: nothing stands stopped, and history begins anew."""
        self.accepted()
        self.paused.end(self.clock.now())
        self.forgotten.append(self.clock.now())
        # Nor does it know any more which end a meeting was sent that v1 made shorter.
        self.sandbox.legacy.lost_ends.clear()
        self._last["legacy"] = dict(self._events("legacy"))

    def is_forgotten(self, at: datetime) -> bool:
        """Whether what was decided on a change at that time may be in no state any more."""
        return any(at < lost + LATE for lost in self.forgotten)

    def meddled(self, system: str) -> bool:
        """Whether somebody edited a block of syncd's there so lately that it may not know."""
        since = self.clock.now() - LATE
        return any(
            c.by_hand and c.at > since and (system, c.event) in self.ours
            for c in reversed(self.changes)
            if c.system == system
        )

    def answered(self, provider: str = "", at: datetime | None = None) -> None:
        """A person decides what syncd is to do: of one provider, or of all; ``at``: it is then."""
        self.answers.append((self.clock.now(), provider))
        self.said_at |= set() if at is None else {(provider, at)}

    def _do(self, step: SimEvent) -> str:
        start = self._time(step.slot)
        end = start + HALF_HOUR * (1 + step.slot % 3)
        who, done = PEOPLE[step.number % len(PEOPLE)], ""
        match step.kind:
            case EventKind.BOOK | EventKind.FILL:
                done = self._book(step, start, end, who)
            case EventKind.BLOCK | EventKind.FOR_EVER:
                done = blocks.close(self, step, start, end, who)
            case EventKind.TWIN:
                done = self._twin(step)
            case EventKind.MOVE | EventKind.CANCEL | EventKind.DELETE | EventKind.REASSIGN:
                done = self._change_meeting(step, start)
            case EventKind.WIPE | EventKind.SHIFT:
                done = self._accident(step, who)
            case EventKind.RENAME_USER | EventKind.HIDE_USERS:
                done = self._change_users(step, who)
            case (
                EventKind.MOVE_BLOCK
                | EventKind.REMOVE_BLOCK
                | EventKind.EDIT_OURS
                | EventKind.REMOVE_OURS
            ):
                done = blocks.change(self, step, start, end)
            case EventKind.COPY_OURS | EventKind.COPY_TO_MEETING | EventKind.PASTE_TAG:
                done = blocks.copy_ours(self, step, start, end, who)
            case _:
                done = perform_acts.perform(self, step, start)
        return done

    def _book(self, step: SimEvent, start: datetime, end: datetime, who: str) -> str:
        """Enter a meeting, or (to fill a calendar) many in a row."""
        seat = self.world.seats[step.system, who]
        contact = self._people[step.system][("kim", "lee")[step.slot % 2]]
        event = ""
        for number in range(step.times):
            by = number * (end - start)
            event = self.sandbox.systems[step.system].book(
                seat.calendar, seat.user, start + by, end + by, contact, title="Knee pain"
            )
        return f"{step.kind} {who} {event} {start:%d %H:%M} x{step.times}"

    def _twin(self, step: SimEvent) -> str:
        """Enter a meeting of another system here as well; or somebody else's, at the same time."""
        found = [
            (name, seen)
            for name in SYSTEMS
            if name != step.system
            for seen in self._last[name].values()
            if seen.kind == "appointment" and seen.busy and seen.start > self.clock.now()
        ]
        if not found:
            return ""
        name, seen = found[step.number % len(found)]
        people = self._people[name].items()
        same = step.slot % 5 != 0
        person = next(p for p, contact in people if (contact == seen.contact) is same)
        seat = self.world.seats[step.system, seen.provider]
        event = self.sandbox.systems[step.system].book(
            seat.calendar, seat.user, seen.start, seen.end, self._people[step.system][person]
        )
        kind = "twin" if same else "rival"
        return f"{kind} {seen.provider} {event} {seen.start:%d %H:%M}"

    def _change_meeting(self, step: SimEvent, start: datetime) -> str:
        platform = self.sandbox.systems[step.system]
        found = sorted(
            event
            for event, seen in self._last[step.system].items()
            if seen.kind == "appointment"
            and seen.busy
            and seen.end > self.clock.now()
            and not hosted.is_share(event)
        )
        if not found:
            return ""
        event = found[step.number % len(found)]
        seen = self._last[step.system][event]
        match step.kind:
            case EventKind.MOVE:
                platform.move(event, start, start + (seen.end - seen.start))
                return f"move {event} to {start:%d %H:%M}"
            case EventKind.CANCEL:
                platform.cancel(event)
                return f"cancel {event}"
            case EventKind.DELETE:
                platform.delete(event)
                return f"delete {event}"
            case _:
                other = PEOPLE[(PEOPLE.index(seen.provider) + 1) % len(PEOPLE)]
                user = self.world.seats[step.system, other].user
                platform.move(event, seen.start, seen.end, user=user)
                return f"give {event} to {other}"

    def _accident(self, step: SimEvent, who: str) -> str:
        """Delete all meetings of somebody's calendar, or move everything in it by an hour."""
        platform = self.sandbox.systems[step.system]
        mine = {e: s for e, s in self._last[step.system].items() if s.provider == who}
        known = frozenset(e for e, seen in mine.items() if self.carried(step.system, e, seen))
        hour = timedelta(hours=-1 if step.slot else 1)
        for event, seen in sorted(mine.items()):
            if seen.end == EVER:
                continue
            if step.kind is EventKind.SHIFT and seen.kind == "block":
                platform.move_block(hosted.record_of(event), seen.start + hour, seen.end + hour)
            elif step.kind is EventKind.SHIFT:
                platform.move(hosted.record_of(event), seen.start + hour, seen.end + hour)
            elif seen.kind == "appointment" and seen.busy and seen.end > self.clock.now():
                platform.delete(hosted.record_of(event))
        after = dict(self._events(step.system))
        # What is polled often is what is seen in one cycle; further away, news may come in parts.
        now = self.clock.now()
        near = {e: seen for e, seen in mine.items() if seen.start < now + NEAR}
        news = {e: (seen, after.get(e)) for e, seen in near.items() if after.get(e) != seen}
        if not news:
            return ""
        # What goes back to where an earlier accident took it from is no news.
        known -= {
            e
            for each in self.accidents
            if (each.system, each.provider, each.over) == (step.system, who, False)
            for e, (_, shown) in news.items()
            if shown is not None and each.put_back(e, shown)
        }
        ahead = {e for e, seen in near.items() if seen.end > now}
        ours = frozenset(e for e in ahead if (step.system, e) in self.ours)
        accident = MassEdit(now, step.system, who, news, known, len(ahead), ours=ours)
        accident.restores = self.block_edited == "restore"
        self.accidents.append(accident)
        stops = ", which must stop" if self.accidents[-1].stops else ""
        return f"{step.kind} {who}: {len(news)} of {len(near)} events{stops}"

    def carried(self, system: str, event: str, seen: View) -> bool:
        """Whether syncd surely knows of it: it made it, or made something of it elsewhere."""
        return (system, event) in self.ours or any(
            (other, name) in self.ours and block.key == seen.key
            for other in SYSTEMS
            if other != system
            for name, block in self._last[other].items()
        )

    def _time(self, slot: int) -> datetime:
        """A time by number: mostly soon, on odd minutes too, some at the edges of the windows."""
        now = self.clock.now()
        if slot % 50 == 0:
            return floor_to(now + timedelta(days=60), timedelta(minutes=5)) - HALF_HOUR
        if slot % 31 == 0:
            return floor_to(now + NEAR, timedelta(minutes=5)) - HALF_HOUR
        base = floor_to(now, timedelta(hours=1)) + timedelta(hours=2)
        odd = timedelta(minutes=7) if slot % 13 == 0 else timedelta(0)
        return base + timedelta(minutes=30 * (slot % 80)) + odd

    def inject_fault(self, step: SimEvent) -> None:
        """Switch a fault on."""
        switch_on(self.sandbox.systems[step.system].faults, step, self.clock.now())

    def clear_faults(self) -> None:
        """Switch all faults off, and let users have their old names."""
        self._names_back()
        merging.take_back(self)
        for platform in self.sandbox.systems.values():
            platform.broken_rows.clear()
            platform.concealed.clear()
            platform.gateway_limit = None
            for kind in set(FaultKind) - {FaultKind.HALF_EMOJI, FaultKind.ODD_STATUS}:
                # Nobody repairs texts, or changes words.
                platform.faults.clear(kind)
