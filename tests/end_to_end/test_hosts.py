"""A meeting with several hosts blocks the time of each of them, and is one record."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from syncd.lab.sandbox.consistency import TAG_START
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.sandbox.records import PlatformAppointment
from syncd.model import ConflictKind, StoredConflict, Window
from tests.end_to_end.conftest import Site

HOUR = timedelta(hours=1)
ELSEWHERE = ("crm", "legacy")


class Collective:
    """A meeting of Alice's at 7:00 on the booked Tuesday, with further hosts."""

    def __init__(self, site: Site, *others: str, listed: bool = False) -> None:
        self.site = site
        self.clinic = site.world.sandbox.clinic
        self.clinic.hosts_listed = listed
        self.start = site.world.at(1, 7)
        seat = site.world.seed_users["clinic", "alice"]
        self.id = self.clinic.book(
            seat.calendar, seat.user, self.start, self.start + HOUR, seat.contact,
            hosts=[self.user(who) for who in others],
        )  # fmt: skip

    def user(self, who: str) -> str:
        return self.site.world.seed_users["clinic", who].user

    def host(self, *who: str) -> None:
        """Assign it to the first of these providers, with the others as further hosts."""
        first, *others = (self.user(each) for each in who)
        self.clinic.set_hosts(self.id, first, others)

    def closed(self, who: str, start: datetime | None = None) -> list[str]:
        """Return the other systems with a block over its time (or this one) for a provider."""
        start = start or self.start
        return [
            system
            for system in ELSEWHERE
            for block in self.site.world.sandbox.systems[system].blocks()
            if block.user == self.site.world.seed_users[system, who].user
            and (block.start, block.end) == (start, start + HOUR)
            and TAG_START in block.title
            and not block.deleted
        ]

    def twin(self, who: str) -> str:
        """Enter it in LeadSquared for a provider as well."""
        return self.site.world.book("crm", who, self.start)

    def updates(self) -> int:
        """Return the number of appointment updates that the clinic received."""
        path = "/calendars/events/appointments/"
        return sum(c.method == "PUT" and c.path.startswith(path) for c in self.clinic.calls)

    @property
    def stored(self) -> PlatformAppointment:
        """Return the record in the clinic."""
        return next(m for m in self.clinic.appointments() if m.id == self.id)

    def held(self) -> list[StoredConflict]:
        return [h for h in self.site.app.store.open_conflicts() if h.conflict.held]


@pytest.mark.parametrize("listed", [False, True])
async def test_the_time_of_each_host_is_closed_elsewhere(site: Site, listed: bool) -> None:
    meeting = Collective(site, "bob", listed=listed)
    await site.resync()
    assert meeting.closed("alice") == list(ELSEWHERE)
    assert meeting.closed("bob") == list(ELSEWHERE)
    assert meeting.closed("carol") == []
    assert site.disagreements() == []
    assert not (await site.resync()).operations


async def test_hosts_who_are_added_and_removed_later_are_followed(site: Site) -> None:
    meeting = Collective(site)
    await site.resync()
    meeting.host("alice", "bob", "carol")
    await site.app.engine.poll(near=True)
    assert meeting.closed("bob") == meeting.closed("carol") == list(ELSEWHERE)
    meeting.host("alice", "carol")
    await site.app.engine.poll(near=True)
    assert (meeting.closed("bob"), meeting.closed("carol")) == ([], list(ELSEWHERE))
    assert site.disagreements() == []


async def test_a_move_and_an_end_of_the_meeting_reach_each_host(site: Site) -> None:
    meeting = Collective(site, "bob")
    await site.resync()
    later = meeting.start - HOUR
    meeting.clinic.move(meeting.id, later, later + HOUR)
    await site.resync()
    assert meeting.closed("bob", later) == list(ELSEWHERE)
    assert meeting.closed("bob") == []
    meeting.clinic.delete(meeting.id)
    await site.resync()
    assert meeting.closed("bob", later) == meeting.closed("alice", later) == []
    assert site.disagreements() == []


async def test_a_meeting_handed_over_among_its_hosts_needs_no_write(site: Site) -> None:
    meeting = Collective(site, "bob")
    meeting.twin("bob")
    await site.resync()
    assert (meeting.closed("alice"), meeting.closed("bob")) == (list(ELSEWHERE), ["legacy"])
    before = site.app.store.bookings()
    for who in (("bob", "alice"), ("alice", "bob")):
        meeting.host(*who)
        report = await site.resync()
        assert (dict(report.operations), report.guarded, meeting.held()) == ({}, [], [])
    assert site.disagreements() == []
    # The bookings are still the same ones: nothing was called off and booked anew.
    assert [(b.id, b.revision) for b in site.app.store.bookings()] == [
        (b.id, b.revision) for b in before
    ]


async def test_many_meetings_handed_over_among_hosts_stop_no_calendar(site: Site) -> None:
    made: list[Collective] = []
    for number in range(1, 13):
        made.append(Collective(site, "bob"))
        start = made[-1].start + timedelta(days=2, hours=number)
        made[-1].clinic.move(made[-1].id, start, start + HOUR)
    await site.resync()
    for each in made:
        each.host("bob", "alice")
    report = await site.resync()
    assert (dict(report.operations), report.guarded) == ({}, [])


async def test_a_meeting_that_a_host_leaves_with_the_assignment_frees_that_host(
    site: Site,
) -> None:
    meeting = Collective(site, "bob")
    await site.resync()
    meeting.host("bob")
    await site.resync()
    assert (meeting.closed("alice"), meeting.closed("bob")) == ([], list(ELSEWHERE))
    assert site.disagreements() == []


async def test_a_host_under_another_id_stays_closed(site: Site) -> None:
    meeting = Collective(site, "bob")
    await site.resync()
    user = meeting.user("bob")
    meeting.clinic.rename_user(user, "bob-anew")
    await site.resync()
    await site.resync()
    assert meeting.closed("bob") == list(ELSEWHERE)
    meeting.clinic.rename_user("bob-anew", user)
    await site.resync()
    assert site.disagreements() == []


async def test_a_host_is_not_freed_while_the_list_of_users_is_empty(site: Site) -> None:
    meeting = Collective(site, "bob")
    await site.resync()
    meeting.host("alice")
    meeting.clinic.faults.add(Fault(FaultKind.EMPTY, path="/users/"))
    await site.resync()
    assert meeting.closed("bob") == list(ELSEWHERE)
    meeting.clinic.faults.clear(FaultKind.EMPTY)
    await site.resync()
    assert meeting.closed("bob") == []


async def test_one_record_is_no_double_booking_and_another_meeting_is(site: Site) -> None:
    meeting = Collective(site, "bob")
    await site.resync()
    doubles = ConflictKind.DOUBLE_BOOKED

    def told() -> list[str]:
        found = site.app.store.open_conflicts()
        return [h.conflict.provider for h in found if h.conflict.kind is doubles]

    assert told() == []
    world = site.world
    other = world.sandbox.crm.add_contact("Lee Example", "lee@example.com", "")
    seat = world.seed_users["crm", "bob"]
    world.sandbox.crm.book(seat.calendar, seat.user, meeting.start, meeting.start + HOUR, other)
    await site.resync()
    assert told() == ["bob"]


async def test_the_assigned_host_s_twin_moves_the_record_once_and_all_hosts_follow(
    site: Site,
) -> None:
    meeting = Collective(site, "bob")
    task = meeting.twin("alice")
    await site.resync()
    later = meeting.start - HOUR
    site.world.sandbox.crm.move(task, later, later + HOUR)
    await site.resync()
    assert (meeting.stored.start, meeting.updates()) == (later, 1)
    assert (meeting.closed("alice", later), meeting.closed("bob", later)) == (
        ["legacy"],
        list(ELSEWHERE),
    )
    assert meeting.stored.hosts == (meeting.user("bob"),)  # type: ignore[attr-defined]
    assert site.disagreements() == []


@pytest.mark.parametrize("ends", [False, True])
async def test_a_change_by_a_further_host_is_held_and_never_written(site: Site, ends: bool) -> None:
    meeting = Collective(site, "bob")
    task = meeting.twin("bob")
    await site.resync()
    crm, later = site.world.sandbox.crm, meeting.start - HOUR
    if ends:
        crm.delete(task)
    else:
        crm.move(task, later, later + HOUR)
    for _ in range(2):
        await site.resync()
        assert (meeting.stored.start, meeting.stored.status) == (meeting.start, "confirmed")
        assert meeting.updates() == 0
        (held,) = meeting.held()
        assert held.conflict.provider == "bob"
        assert held.conflict.kind in {ConflictKind.MOVED_APART, ConflictKind.CANNOT_CANCEL}
        # Both times stay closed, where nobody shows the meeting itself.
        assert "legacy" in meeting.closed("bob")
        assert meeting.closed("bob", later) == ([] if ends else ["legacy"])
    # The location falls silent: nothing is freed because of that.
    meeting.clinic.faults.add(Fault(FaultKind.ERROR, status=503))
    await site.app.engine.poll(near=True)
    assert "legacy" in meeting.closed("bob")
    meeting.clinic.faults.clear(FaultKind.ERROR)
    # Somebody does there what was done elsewhere.
    if ends:
        meeting.clinic.cancel(meeting.id)
    else:
        meeting.clinic.move(meeting.id, later, later + HOUR)
    await site.resync()
    assert meeting.held() == []
    assert site.disagreements() == []


async def test_two_hosts_who_move_it_apart_write_the_record_once(site: Site) -> None:
    meeting = Collective(site, "bob")
    tasks = {who: meeting.twin(who) for who in ("alice", "bob")}
    await site.resync()
    crm = site.world.sandbox.crm
    for who, by in (("alice", 1), ("bob", 2)):
        start = meeting.start - by * HOUR
        crm.move(tasks[who], start, start + HOUR)
    await site.app.engine.poll(near=True)
    assert meeting.updates() == 1
    await site.resync()
    assert meeting.updates() == 1
    assert meeting.stored.start == meeting.start - HOUR
    # By the rule moved_apart = latest the meeting itself wins, and it is written to no more.
    assert meeting.held() == []
    assert site.disagreements() == []


async def test_a_far_read_of_one_host_asks_for_no_meeting_of_another_s_calendar(
    site: Site,
) -> None:
    meeting = Collective(site, "bob")
    far = meeting.start + timedelta(days=35)
    meeting.clinic.move(meeting.id, far, far + HOUR)
    await site.resync()
    await site.app.engine.poll(near=False, providers=["bob"])
    since = len(meeting.clinic.calls)
    await site.app.engine.poll(near=False, providers=["bob"])
    assert all("/appointments/" not in call.path for call in meeting.clinic.calls[since:])
    assert meeting.closed("bob", far) == list(ELSEWHERE)
    # But the host's removal is seen as soon as the meeting's own calendar is read.
    meeting.host("alice")
    await site.app.engine.poll(near=False, providers=["alice"])
    await site.app.engine.poll(near=False, providers=["bob"])
    assert meeting.closed("bob", far) == []


async def test_a_far_meeting_that_another_host_s_read_shows_closes_every_host(
    site: Site,
) -> None:
    await site.resync()
    meeting = Collective(site, "bob")
    far = meeting.start + timedelta(days=35)
    meeting.clinic.move(meeting.id, far, far + HOUR)
    await site.app.engine.poll(near=False, providers=["alice"])
    await site.app.engine.poll(near=False, providers=["bob"])
    assert meeting.closed("bob", far) == list(ELSEWHERE)


async def test_a_quiet_cycle_with_several_hosts_makes_the_same_calls(site: Site) -> None:
    await site.resync()
    await site.resync()

    async def calls() -> list[tuple[str, str]]:
        found = []
        for near in (True, False):
            since = len(site.world.sandbox.clinic.calls)
            await site.app.engine.poll(near=near)
            found += [(c.method, c.path) for c in site.world.sandbox.clinic.calls[since:]]
        return sorted(found)

    before = await calls()
    Collective(site, "bob", "carol")
    await site.resync()
    await site.resync()
    assert await calls() == before


async def test_a_meeting_without_a_mapped_host_is_reported_with_its_calendar(site: Site) -> None:
    meeting = Collective(site)
    visitor = meeting.clinic.add_user("Dora", "dora@example.com")
    meeting.clinic.set_hosts(meeting.id, visitor)
    now = meeting.start - timedelta(days=3)
    snapshot = await site.app.systems["clinic"].read(Window(now, now + timedelta(days=9)))
    reported = {m.event: (str(m.topic), m.provider) for m in snapshot.malformed}
    assert reported == {meeting.id: ("unmapped_owner", "alice")}


async def test_a_stranger_is_not_reported_any_more_once_the_former_host_is_back(
    site: Site,
) -> None:
    meeting = Collective(site)
    alice = meeting.user("alice")
    await site.resync()
    stranger = meeting.clinic.add_user("Stranger", "stranger@example.com")
    meeting.clinic.set_hosts(meeting.id, stranger, [])
    del meeting.clinic.users[stranger]
    assert [item.event for item in (await site.resync()).items] == [meeting.id]
    meeting.clinic.set_hosts(meeting.id, alice, [])
    assert (await site.resync()).items == []
    assert meeting.closed("alice") == list(ELSEWHERE)
