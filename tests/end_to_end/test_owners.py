"""A user's address or id changes: nothing is freed, and the remedy is named (promise 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.engine.report.run_report import Report, RunExit
from syncd.lab.sandbox import Fault, FaultKind
from syncd.lab.sandbox.consistency import EventSummary, event_summaries
from syncd.lab.sandbox.leadsquared.api import EmulatedLeadSquared
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.lab.simulate.loop import VirtualClock
from syncd.model import EventRef, Kind
from syncd.store.queries.owners import owner_changes
from syncd.systems.lookup_results import Found
from tests.end_to_end import conftest
from tests.end_to_end.conftest import opened

NEW = {"crm": "alice.smith@example.com", "clinic": "alice-anew", "legacy": "alice-anew"}
USERS = ".*[Uu]sers"
SIZES = [*(pytest.param(n, marks=pytest.mark.prove) for n in (1, 2)), 20]


class Site(conftest.Site):
    """An empty site, with helpers for users and owners."""

    def user(self, system: str, who: str) -> str:
        return self.world.seed_users[system, who].user

    def book(self, system: str, count: int, who: str = "alice") -> list[str]:
        """Book meetings of half an hour, ten a day."""
        return [
            self.world.book(system, who, self.world.at(n // 10, 8 + n % 10), 30)
            for n in range(count)
        ]

    def blocks(self, who: str = "alice") -> int:
        """Return the number of syncd's blocks for a provider, in all systems."""
        return sum(s.ours and s.provider == who for s in self.seen())

    def seen(self) -> list[EventSummary]:
        return event_summaries(self.world.sandbox.systems, self.world.owners)

    async def remap(self, old: str, new: str) -> None:
        """Correct the configuration, and restart."""
        await self.app.aclose()
        self.path.write_text(self.path.read_text().replace(f'"{old}"', f'"{new}"'))
        self.start()

    def writes(self) -> int:
        """Return the number of writes that reached the platforms so far."""
        return sum(a.writes for a in (s.traffic for s in self.app.systems.values()))


@pytest.fixture
async def site(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Site]:
    async with opened(Site, tmp_path, clock, empty=True) as made:
        yield made


async def unknown(site: Site, system: str, count: int, blocks: int) -> Report:
    """Resync; check that nothing was freed and that the calendar is reported as unknown."""
    before = site.writes()
    report = await site.resync()
    assert site.blocks() == blocks
    assert site.writes() == before
    assert report.exit is RunExit.UNANSWERED
    assert report.cycles <= 3
    (fact,) = report.unknown
    assert (fact.provider, fact.system, fact.events) == ("alice", system, count)
    return report


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_user_with_a_new_address_or_id_frees_nothing_until_mapped(
    site: Site, system: str, count: int
) -> None:
    site.book(system, count)
    assert (await site.resync()).exit is RunExit.DONE
    blocks, old = site.blocks(), site.user(system, "alice")
    assert blocks == 2 * count
    platform = site.world.sandbox.systems[system]
    platform.rename_user(old, NEW[system])
    for _ in range(2):
        report = await unknown(site, system, count, blocks)
        assert str(report.unknown[0].proof) == "user-missing"
    for near in (True, False):
        await site.app.engine.poll(near=near)
        assert site.blocks() == blocks
    await site.remap(old, NEW[system])
    before = site.writes()
    report = await site.resync()
    assert (report.exit, site.writes(), site.blocks()) == (RunExit.DONE, before, blocks)
    assert owner_changes(site.app.store) == []


@pytest.mark.parametrize("count", [SIZES[0], 20])
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_rename_that_is_undone_needs_no_write(site: Site, system: str, count: int) -> None:
    site.book(system, count)
    await site.resync()
    old, platform = site.user(system, "alice"), site.world.sandbox.systems[system]
    platform.rename_user(old, NEW[system])
    await unknown(site, system, count, 2 * count)
    platform.rename_user(NEW[system], old)
    before = site.writes()
    report = await site.resync()
    assert (report.exit, site.writes(), site.blocks()) == (RunExit.DONE, before, 2 * count)
    assert owner_changes(site.app.store) == []


def hire(site: Site, system: str) -> str:
    """Add a user that is not mapped."""
    name, email = "Dora", "dora@example.com"
    match site.world.sandbox.systems[system]:
        case EmulatedLeadSquared() as crm:
            crm.add_user(name, email)
            return email
        case location:
            return location.add_user(name, email)


def give(site: Site, system: str, event: str, user: str) -> None:
    """Assign a meeting to another user by hand."""
    platform = site.world.sandbox.systems[system]
    meeting = next(m for m in platform.appointments() if m.id == event)
    platform.move(event, meeting.start, meeting.end, user)


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("into", ["bob", "dora"])
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_merged_users_free_nothing_and_close_the_time_of_the_one_that_stays(
    site: Site, system: str, into: str, count: int
) -> None:
    site.book(system, count)
    await site.resync()
    other = hire(site, system) if into == "dora" else site.user(system, "bob")
    site.world.sandbox.systems[system].merge_users(site.user(system, "alice"), other)
    for _ in range(2):
        report = await site.resync()
        assert (report.exit, site.blocks("alice")) == (RunExit.UNANSWERED, 2 * count)
        assert report.cycles <= 4
        assert site.blocks("bob") == (2 * count if into == "bob" else 0)
        (fact,) = report.unknown
        assert (fact.provider, fact.events, fact.holders) == (
            "alice", count, ("bob",) if into == "bob" else (),
        )  # fmt: skip


EMPTY = Fault(FaultKind.EMPTY, path=USERS)
FORBIDDEN, FAILING = (Fault(FaultKind.ERROR, path=USERS, status=status) for status in (403, 500))


@pytest.mark.prove
@pytest.mark.parametrize(
    ("fault", "count"), [(EMPTY, 1), (EMPTY, 20), (FORBIDDEN, 2), (FAILING, 2)]
)
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_user_list_that_is_empty_or_refused_proves_no_hand_over(
    site: Site, system: str, fault: Fault, count: int
) -> None:
    events = site.book(system, count)
    await site.resync()
    dora = hire(site, system)
    site.world.sandbox.systems[system].faults.add(fault)
    for event in events:
        give(site, system, event, dora)
    report = await unknown(site, system, count, 2 * count)
    assert str(report.unknown[0].proof) == "users-unknown"
    assert report.answered
    site.world.sandbox.systems[system].faults.clear()
    report = await site.resync()
    if count < 20:
        assert (report.exit, site.blocks()) == (RunExit.DONE, 0)
    else:
        assert (report.exit, site.blocks()) == (RunExit.GUARDED, 40)


@pytest.mark.parametrize("to", ["bob", "dora"])
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_meeting_handed_over_to_another_existing_user_frees_her_time(
    site: Site, system: str, to: str
) -> None:
    first, *_ = site.book(system, 3)
    await site.resync()
    give(site, system, first, hire(site, system) if to == "dora" else site.user(system, "bob"))
    report = await site.resync()
    assert (report.exit, report.unknown) == (RunExit.DONE, [])
    assert (site.blocks("alice"), site.blocks("bob")) == (4, 2 if to == "bob" else 0)
    again = await site.resync()
    assert (again.operations.total(), again.cycles) == (0, 1)


async def test_three_meetings_that_are_all_of_a_calendar_may_be_handed_over(site: Site) -> None:
    """The records name their new owner, which is a proof by id."""
    events = site.book("clinic", 3)
    await site.resync()
    for event in events:
        give(site, "clinic", event, site.user("clinic", "bob"))
    report = await site.resync()
    assert (report.exit, site.blocks("alice"), site.blocks("bob")) == (RunExit.DONE, 0, 6)


@pytest.mark.prove
@pytest.mark.parametrize("to", ["bob", "dora"])
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_calendar_handed_over_as_a_whole_is_stopped_by_the_guard(
    site: Site, system: str, to: str
) -> None:
    events = site.book(system, 20)
    await site.resync()
    other = hire(site, system) if to == "dora" else site.user(system, "bob")
    for event in events:
        give(site, system, event, other)
    stopped = await site.resync()
    assert (stopped.exit, site.blocks()) == (RunExit.GUARDED, 40)
    assert (await site.resync()).exit is RunExit.GUARDED
    assert site.blocks() == 40
    passed = await site.resync(accept=stopped.run)
    assert (passed.exit, site.blocks()) == (RunExit.DONE, 0)
    assert owner_changes(site.app.store) == []


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_hand_over_that_the_guard_stopped_can_be_taken_back(
    site: Site, system: str
) -> None:
    events = site.book(system, 20)
    await site.resync()
    dora = hire(site, system)
    for event in events:
        give(site, system, event, dora)
    assert (await site.resync()).exit is RunExit.GUARDED
    for event in events:
        give(site, system, event, site.user(system, "alice"))
    before = site.writes()
    assert (await site.resync()).exit is RunExit.DONE
    assert (site.writes(), site.blocks()) == (before, 40)


@pytest.mark.parametrize("owner", ["", "nobody-knows"])
@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_an_unknown_owner_frees_nothing_and_leaves_the_calendar_at_work(
    site: Site, system: str, owner: str
) -> None:
    """The meeting is on an unmapped calendar, so only its user says whose it is."""
    first, second = site.book(system, 2)
    await site.resync()
    platform = site.world.sandbox.systems[system]
    assert not isinstance(platform, EmulatedLeadSquared)
    reception = platform.add_calendar("Reception", "round_robin")
    meeting = platform.meetings.get(first)
    assert meeting is not None
    platform.meetings.put(first, replace(meeting, user=owner, calendar=reception))
    report = await unknown(site, system, 1, 4)
    assert str(report.unknown[0].proof) == "owner-unknown"
    platform.cancel(second)
    await site.resync()
    assert site.blocks() == 2


async def test_a_deactivated_user_frees_nothing(site: Site) -> None:
    site.book("crm", 20)
    await site.resync()
    site.world.sandbox.crm.deactivate(site.user("crm", "alice"))
    before = site.writes()
    await site.resync()
    assert (site.blocks(), site.writes()) == (40, before)


@pytest.mark.parametrize("count", [SIZES[0], 20])
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_a_list_refused_for_a_missing_user_stops_no_other_calendar(
    site: Site, system: str, count: int
) -> None:
    site.book(system, count)
    await site.resync()
    platform = site.world.sandbox.systems[system]
    platform.refuses_unknown_users = True
    platform.rename_user(site.user(system, "alice"), NEW[system])
    site.world.book(system, "bob", site.world.at(3, 18))
    report = await site.resync()
    assert (report.exit, report.answered) == (RunExit.UNANSWERED, True)
    assert (site.blocks("alice"), site.blocks("bob")) == (2 * count, 2)
    (fact,) = report.unknown
    assert (fact.provider, fact.system, str(fact.proof)) == ("alice", system, "user-missing")
    assert fact.events == count


async def test_an_address_that_a_new_colleague_was_given_proves_nothing(site: Site) -> None:
    site.book("crm", 3)
    await site.resync()
    crm, old = site.world.sandbox.crm, site.user("crm", "alice")
    crm.rename_user(old, NEW["crm"])
    crm.add_user("Alice Other", old)
    report = await unknown(site, "crm", 3, 6)
    assert str(report.unknown[0].proof) == "user-missing"


async def test_blocks_of_a_missing_user_are_not_taken_for_removed(site: Site) -> None:
    """v2 proves the end of a block by lists, and lists show nothing of a missing user."""
    site.world.block("clinic", "alice", site.world.at(2, 12), 60, "Lunch")
    site.world.block("clinic", "bob", site.world.at(2, 12), 60, "Lunch")
    await site.resync()
    assert site.blocks() == 2
    site.world.sandbox.clinic.rename_user(site.user("clinic", "alice"), NEW["clinic"])
    for _ in range(3):
        await site.resync()
        assert site.blocks() == 2


@pytest.mark.prove
@pytest.mark.parametrize("fault", [EMPTY, FORBIDDEN, FAILING], ids=["empty", "403", "500"])
async def test_blocks_of_a_user_of_whom_nothing_is_known_are_not_taken_for_removed(
    site: Site, fault: Fault
) -> None:
    """Bob's blocks prove that lists work, but not that Alice still exists."""
    lunch = site.world.block("clinic", "alice", site.world.at(2, 12), 60, "Lunch")
    site.world.block("clinic", "bob", site.world.at(2, 12), 60, "Lunch")
    await site.resync()
    clinic, old = site.world.sandbox.clinic, site.user("clinic", "alice")
    clinic.faults.add(fault)
    clinic.rename_user(old, NEW["clinic"])
    for _ in range(3):
        report = await unknown(site, "clinic", 1, 2)
        assert str(report.unknown[0].proof) == "users-unknown"
    clinic.rename_user(NEW["clinic"], old)
    assert (await site.resync()).exit is RunExit.DONE
    clinic.remove_block(lunch)
    await unknown(site, "clinic", 1, 2)
    site.world.block("clinic", "alice", site.world.at(2, 14), 60, "Dentist")
    # Her own list shows something, so what it does not show is gone.
    assert (await site.resync()).exit is RunExit.DONE
    assert site.blocks() == 2
    assert owner_changes(site.app.store) == []


async def test_users_are_read_only_when_an_owner_changed(site: Site) -> None:
    (event,) = site.book("crm", 1)
    await site.resync()
    crm = site.world.sandbox.crm

    def asked() -> int:
        return sum("Users.Get" in call.path for call in crm.calls)

    await site.resync()
    assert asked() == 0
    crm.rename_user(site.user("crm", "alice"), NEW["crm"])
    await site.resync()
    assert asked() == 1
    for _ in range(3):
        await site.app.engine.poll(near=False)
    assert asked() == 1
    del event


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_check_takes_an_empty_user_list_for_no_proof(site: Site, system: str) -> None:
    site.world.sandbox.systems[system].faults.add(EMPTY)
    found = await site.app.systems[system].check()
    assert [f.subject for f in found if f.level not in {"ok", "note"}] == [f"{system}: users"]
    assert (await site.app.systems[system].users()).listed is False


@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_an_event_at_an_unmapped_owner_is_found_with_the_owners_id(
    site: Site, system: str
) -> None:
    (event,) = site.book(system, 1)
    dora = hire(site, system)
    give(site, system, event, dora)
    ref = EventRef(system, "alice", event, Kind.APPOINTMENT)
    match await site.app.systems[system].read_one(ref):
        case Found(event=found):
            assert found.provider == ""
            assert found.owner in (await site.app.systems[system].users()).users
            assert "@" not in found.owner
        case other:
            pytest.fail(str(other))


@pytest.mark.parametrize("into", ["bob", "dora"])
@pytest.mark.parametrize("system", SYSTEM_NAMES)
async def test_blocks_of_a_merged_user_stay_closed(site: Site, system: str, into: str) -> None:
    elsewhere = next(each for each in SYSTEM_NAMES if each != system)
    site.book(elsewhere, 3)
    site.world.book(system, "alice", site.world.at(2, 9), 30)
    await site.resync()
    assert site.blocks() == 8
    standing = {e.id for e in site.world.sandbox.systems[system].blocks() if not e.deleted}
    other = hire(site, system) if into == "dora" else site.user(system, "bob")
    site.world.sandbox.systems[system].merge_users(site.user(system, "alice"), other)
    for _ in range(3):
        report = await site.resync()
        assert report.exit is RunExit.UNANSWERED
        remaining = {e.id for e in site.world.sandbox.systems[system].blocks() if not e.deleted}
        assert remaining >= standing


@pytest.mark.prove
@pytest.mark.parametrize("system", ["clinic", "legacy"])
async def test_blocks_of_a_merged_user_are_made_again_when_the_user_is_back(
    site: Site, system: str
) -> None:
    site.book(next(each for each in SYSTEM_NAMES if each != system), 3)
    await site.resync()
    platform, old = site.world.sandbox.systems[system], site.user(system, "alice")
    platform.merge_users(old, site.user(system, "bob"))
    assert (await site.resync()).exit is RunExit.UNANSWERED
    assert (site.blocks("alice"), site.blocks("bob")) == (3, 3)
    platform.add_user("Alice", "alice@example.com", old)
    report = await site.resync()
    assert (report.exit, site.blocks("alice"), site.blocks("bob")) == (RunExit.DONE, 6, 0)
