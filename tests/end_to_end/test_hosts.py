"""A meeting of several hosts takes the time of each of them, and is one record."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from syncd.model import ConflictKind, HeldConflict, Window
from syncd.sandbox.consistency import TAG_START
from syncd.sandbox.faults import Fault, FaultKind
from syncd.sandbox.records import PlatformAppointment
from tests.end_to_end.conftest import Shop

HOUR = timedelta(hours=1)
ELSEWHERE = ("crm", "legacy")


class Collective:
    """A meeting of Alice's at 7:00 on the booked Tuesday, which others host, too."""

    def __init__(self, shop: Shop, *others: str, listed: bool = False) -> None:
        self.shop = shop
        self.clinic = shop.world.sandbox.clinic
        self.clinic.hosts_listed = listed
        self.start = shop.world.at(1, 7)
        seat = shop.world.seed_users["clinic", "alice"]
        self.id = self.clinic.book(
            seat.calendar, seat.user, self.start, self.start + HOUR, seat.contact,
            hosts=[self.user(who) for who in others],
        )  # fmt: skip

    def user(self, who: str) -> str:
        return self.shop.world.seed_users["clinic", who].user

    def host(self, *who: str) -> None:
        """Assign it to the first of these, with the others as further hosts."""
        first, *others = (self.user(each) for each in who)
        self.clinic.set_hosts(self.id, first, others)

    def closed(self, who: str, start: datetime | None = None) -> list[str]:
        """The other systems in which a block of ours closes its time (or this one) for a person."""
        start = start or self.start
        return [
            system
            for system in ELSEWHERE
            for block in self.shop.world.sandbox.systems[system].blocks()
            if block.user == self.shop.world.seed_users[system, who].user
            and (block.start, block.end) == (start, start + HOUR)
            and TAG_START in block.title
            and not block.deleted
        ]

    def twin(self, who: str) -> str:
        """Enter it in LeadSquared for a person as well."""
        return self.shop.world.book("crm", who, self.start)

    def updates(self) -> int:
        """How many updates of appointments the clinic was sent."""
        path = "/calendars/events/appointments/"
        return sum(c.method == "PUT" and c.path.startswith(path) for c in self.clinic.calls)

    @property
    def stored(self) -> PlatformAppointment:
        """The record as the clinic has it."""
        return next(m for m in self.clinic.appointments() if m.id == self.id)

    def held(self) -> list[HeldConflict]:
        return [h for h in self.shop.app.store.open_conflicts() if h.conflict.held]


@pytest.mark.parametrize("listed", [False, True])
async def test_the_time_of_each_host_is_closed_elsewhere(shop: Shop, listed: bool) -> None:
    meeting = Collective(shop, "bob", listed=listed)
    await shop.resync()
    assert meeting.closed("alice") == list(ELSEWHERE)
    assert meeting.closed("bob") == list(ELSEWHERE)
    assert meeting.closed("carol") == []
    assert shop.wrong() == []
    assert not (await shop.resync()).operations


async def test_hosts_who_are_added_and_removed_later_are_followed(shop: Shop) -> None:
    meeting = Collective(shop)
    await shop.resync()
    meeting.host("alice", "bob", "carol")
    await shop.app.engine.poll(near=True)
    assert meeting.closed("bob") == meeting.closed("carol") == list(ELSEWHERE)
    meeting.host("alice", "carol")
    await shop.app.engine.poll(near=True)
    assert (meeting.closed("bob"), meeting.closed("carol")) == ([], list(ELSEWHERE))
    assert shop.wrong() == []


async def test_a_move_and_an_end_of_the_meeting_reach_each_host(shop: Shop) -> None:
    meeting = Collective(shop, "bob")
    await shop.resync()
    later = meeting.start - HOUR
    meeting.clinic.move(meeting.id, later, later + HOUR)
    await shop.resync()
    assert meeting.closed("bob", later) == list(ELSEWHERE)
    assert meeting.closed("bob") == []
    meeting.clinic.delete(meeting.id)
    await shop.resync()
    assert meeting.closed("bob", later) == meeting.closed("alice", later) == []
    assert shop.wrong() == []


async def test_a_meeting_handed_over_among_its_hosts_needs_no_write(shop: Shop) -> None:
    meeting = Collective(shop, "bob")
    meeting.twin("bob")
    await shop.resync()
    assert (meeting.closed("alice"), meeting.closed("bob")) == (list(ELSEWHERE), ["legacy"])
    before = shop.app.store.bookings()
    for who in (("bob", "alice"), ("alice", "bob")):
        meeting.host(*who)
        report = await shop.resync()
        assert (dict(report.operations), report.guarded, meeting.held()) == ({}, [], [])
    assert shop.wrong() == []
    # The bookings are still the same ones: nothing was called off and booked anew.
    assert [(b.id, b.revision) for b in shop.app.store.bookings()] == [
        (b.id, b.revision) for b in before
    ]


async def test_many_meetings_handed_over_among_hosts_stop_no_calendar(shop: Shop) -> None:
    made: list[Collective] = []
    for number in range(1, 13):
        made.append(Collective(shop, "bob"))
        start = made[-1].start + timedelta(days=2, hours=number)
        made[-1].clinic.move(made[-1].id, start, start + HOUR)
    await shop.resync()
    for each in made:
        each.host("bob", "alice")
    report = await shop.resync()
    assert (dict(report.operations), report.guarded) == ({}, [])


async def test_a_meeting_that_a_host_leaves_with_the_assignment_frees_that_host(
    shop: Shop,
) -> None:
    meeting = Collective(shop, "bob")
    await shop.resync()
    meeting.host("bob")
    await shop.resync()
    assert (meeting.closed("alice"), meeting.closed("bob")) == ([], list(ELSEWHERE))
    assert shop.wrong() == []


async def test_a_host_under_another_id_stays_closed(shop: Shop) -> None:
    meeting = Collective(shop, "bob")
    await shop.resync()
    user = meeting.user("bob")
    meeting.clinic.rename_user(user, "bob-anew")
    await shop.resync()
    await shop.resync()
    assert meeting.closed("bob") == list(ELSEWHERE)
    meeting.clinic.rename_user("bob-anew", user)
    await shop.resync()
    assert shop.wrong() == []


async def test_a_host_is_not_freed_while_the_list_of_users_is_empty(shop: Shop) -> None:
    meeting = Collective(shop, "bob")
    await shop.resync()
    meeting.host("alice")
    meeting.clinic.faults.add(Fault(FaultKind.EMPTY, path="/users/"))
    await shop.resync()
    assert meeting.closed("bob") == list(ELSEWHERE)
    meeting.clinic.faults.clear(FaultKind.EMPTY)
    await shop.resync()
    assert meeting.closed("bob") == []


async def test_one_record_is_no_double_booking_and_another_meeting_is(shop: Shop) -> None:
    meeting = Collective(shop, "bob")
    await shop.resync()
    doubles = ConflictKind.DOUBLE_BOOKED

    def told() -> list[str]:
        found = shop.app.store.open_conflicts()
        return [h.conflict.provider for h in found if h.conflict.kind is doubles]

    assert told() == []
    world = shop.world
    other = world.sandbox.crm.add_contact("Lee Example", "lee@example.com", "")
    seat = world.seed_users["crm", "bob"]
    world.sandbox.crm.book(seat.calendar, seat.user, meeting.start, meeting.start + HOUR, other)
    await shop.resync()
    assert told() == ["bob"]


async def test_the_assigned_host_s_twin_moves_the_record_once_and_all_hosts_follow(
    shop: Shop,
) -> None:
    meeting = Collective(shop, "bob")
    task = meeting.twin("alice")
    await shop.resync()
    later = meeting.start - HOUR
    shop.world.sandbox.crm.move(task, later, later + HOUR)
    await shop.resync()
    assert (meeting.stored.start, meeting.updates()) == (later, 1)
    assert (meeting.closed("alice", later), meeting.closed("bob", later)) == (
        ["legacy"],
        list(ELSEWHERE),
    )
    assert meeting.stored.hosts == (meeting.user("bob"),)  # type: ignore[attr-defined]
    assert shop.wrong() == []


@pytest.mark.parametrize("ends", [False, True])
async def test_what_a_further_host_changes_elsewhere_is_held_and_never_written(
    shop: Shop, ends: bool
) -> None:
    meeting = Collective(shop, "bob")
    task = meeting.twin("bob")
    await shop.resync()
    crm, later = shop.world.sandbox.crm, meeting.start - HOUR
    if ends:
        crm.delete(task)
    else:
        crm.move(task, later, later + HOUR)
    for _ in range(2):
        await shop.resync()
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
    await shop.app.engine.poll(near=True)
    assert "legacy" in meeting.closed("bob")
    meeting.clinic.faults.clear(FaultKind.ERROR)
    # Somebody does there what was done elsewhere.
    if ends:
        meeting.clinic.cancel(meeting.id)
    else:
        meeting.clinic.move(meeting.id, later, later + HOUR)
    await shop.resync()
    assert meeting.held() == []
    assert shop.wrong() == []


async def test_two_hosts_who_move_it_apart_write_the_record_once(shop: Shop) -> None:
    meeting = Collective(shop, "bob")
    tasks = {who: meeting.twin(who) for who in ("alice", "bob")}
    await shop.resync()
    crm = shop.world.sandbox.crm
    for who, by in (("alice", 1), ("bob", 2)):
        start = meeting.start - by * HOUR
        crm.move(tasks[who], start, start + HOUR)
    await shop.app.engine.poll(near=True)
    assert meeting.updates() == 1
    await shop.resync()
    assert meeting.updates() == 1
    assert meeting.stored.start == meeting.start - HOUR
    # By the rule moved_apart = latest the meeting itself wins, and it is written to no more.
    assert meeting.held() == []
    assert shop.wrong() == []


async def test_a_far_read_of_one_host_asks_for_no_meeting_of_another_s_calendar(
    shop: Shop,
) -> None:
    meeting = Collective(shop, "bob")
    far = meeting.start + timedelta(days=35)
    meeting.clinic.move(meeting.id, far, far + HOUR)
    await shop.resync()
    await shop.app.engine.poll(near=False, providers=["bob"])
    since = len(meeting.clinic.calls)
    await shop.app.engine.poll(near=False, providers=["bob"])
    assert all("/appointments/" not in call.path for call in meeting.clinic.calls[since:])
    assert meeting.closed("bob", far) == list(ELSEWHERE)
    # But the host's removal is seen as soon as the meeting's own calendar is read.
    meeting.host("alice")
    await shop.app.engine.poll(near=False, providers=["alice"])
    await shop.app.engine.poll(near=False, providers=["bob"])
    assert meeting.closed("bob", far) == []


async def test_a_far_meeting_that_another_host_s_read_shows_closes_every_host(
    shop: Shop,
) -> None:
    await shop.resync()
    meeting = Collective(shop, "bob")
    far = meeting.start + timedelta(days=35)
    meeting.clinic.move(meeting.id, far, far + HOUR)
    await shop.app.engine.poll(near=False, providers=["alice"])
    await shop.app.engine.poll(near=False, providers=["bob"])
    assert meeting.closed("bob", far) == list(ELSEWHERE)


async def test_a_quiet_cycle_with_several_hosts_makes_the_same_calls(shop: Shop) -> None:
    await shop.resync()
    await shop.resync()

    async def calls() -> list[tuple[str, str]]:
        found = []
        for near in (True, False):
            since = len(shop.world.sandbox.clinic.calls)
            await shop.app.engine.poll(near=near)
            found += [(c.method, c.path) for c in shop.world.sandbox.clinic.calls[since:]]
        return sorted(found)

    before = await calls()
    Collective(shop, "bob", "carol")
    await shop.resync()
    await shop.resync()
    assert await calls() == before


async def test_a_meeting_without_a_mapped_host_is_reported_with_its_calendar(shop: Shop) -> None:
    meeting = Collective(shop)
    visitor = meeting.clinic.add_user("Dora", "dora@example.com")
    meeting.clinic.set_hosts(meeting.id, visitor)
    now = meeting.start - timedelta(days=3)
    snapshot = await shop.app.systems["clinic"].read(Window(now, now + timedelta(days=9)))
    told = {m.event: (str(m.topic), m.provider) for m in snapshot.malformed}
    assert told == {meeting.id: ("unmapped_owner", "alice")}


async def test_a_stranger_is_not_reported_any_more_once_the_former_host_is_back(
    shop: Shop,
) -> None:
    meeting = Collective(shop)
    alice = meeting.user("alice")
    await shop.resync()
    stranger = meeting.clinic.add_user("Stranger", "stranger@example.com")
    meeting.clinic.set_hosts(meeting.id, stranger, [])
    del meeting.clinic.users[stranger]
    assert [item.event for item in (await shop.resync()).items] == [meeting.id]
    meeting.clinic.set_hosts(meeting.id, alice, [])
    assert (await shop.resync()).items == []
    assert meeting.closed("alice") == list(ELSEWHERE)
