"""The first write to an appointment in each account is made alone and compared by field."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncd.engine.operator.acknowledge import acknowledge_entry
from syncd.engine.probing.probe import forget_facts
from syncd.engine.report.run_report import Report, RunExit
from syncd.engine.writing import first_writes
from syncd.lab.sandbox.damage import Damage
from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.model import ReportedItem, Topic, WaitReason
from syncd.store.queries.facts import facts
from syncd.store.queries.reported import open_items
from tests.end_to_end.virtual import VirtualSite, play

HOUR = timedelta(hours=1)
SECRET = "Frozen shoulder, call Mrs Winter"
MOVES = "moves_change_only_time"
UPDATE = {
    "clinic": ("PUT", "/calendars/events/appointments/"),
    "legacy": ("PUT", "/appointments/"),
    "crm": ("POST", "/Task.svc/BulkUpdateAppointmentTime"),
}
OTHER = {"clinic": "legacy", "legacy": "clinic", "crm": "clinic"}
EVERY = sorted(OTHER)
ABSENT = {("crm", Damage.HOSTS), ("crm", Damage.CALENDAR), ("legacy", Damage.HOSTS)}
"""Fields that no record of the platform has: a task has no calendar, v1 names no further hosts."""


class Twins:
    """Meetings of Alice's with notes, entered in a system and in another one."""

    def __init__(self, site: VirtualSite, system: str, count: int = 2) -> None:
        self.site, self.system, self.other = site, system, OTHER[system]
        self.platform: Any = site.world.sandbox.systems[system]
        self.elsewhere: Any = site.world.sandbox.systems[self.other]
        hours = [site.world.at(7 + n, 10) for n in range(count)]
        self.theirs = [site.world.book(self.other, "alice", at) for at in hours]
        self.events = [site.world.book(system, "alice", at) for at in hours]
        for event in self.events:
            self.add_texts(event)

    def add_texts(self, event: str) -> None:
        if self.system == "crm":
            task = self.platform.tasks.get(event)
            changed = replace(task, description=SECRET, custom={"mx_Custom_7": SECRET})
            self.platform.tasks.put(event, changed)
            return
        meeting = self.platform.meetings.get(event)
        changed = replace(meeting, notes=SECRET, custom=(("f1", SECRET),))
        self.platform.meetings.put(event, changed)

    def move(self, *which: int, by: timedelta = HOUR) -> None:
        """Move these meetings in the other system, as a person would."""
        for n in which or range(len(self.theirs)):
            shown = self.shown(self.elsewhere, self.theirs[n])
            self.elsewhere.move(self.theirs[n], shown.start + by, shown.end + by)

    def shown(self, platform: Any, event: str) -> Any:
        return next(a for a in platform.appointments() if a.id == event)

    @property
    def starts(self) -> list[datetime]:
        return [self.shown(self.platform, event).start for event in self.events]

    @property
    def wanted(self) -> list[datetime]:
        return [self.shown(self.elsewhere, event).start for event in self.theirs]

    @property
    def moved(self) -> int:
        """Return how many of them moved to their new time in this system."""
        return sum(here == there for here, there in zip(self.starts, self.wanted, strict=True))

    def fact(self, name: str = MOVES) -> str:
        known = facts(self.site.app.store, self.system)
        return next((fact.value for fact in known if fact.name == name), "")

    def items(self) -> list[ReportedItem]:
        return [i for i in open_items(self.site.app.store) if i.topic is Topic.DAMAGED]

    def closed(self, start: datetime) -> bool:
        """Return true if a block of syncd's blocks Alice's time in this system."""
        return any(b.start == start and not b.deleted for b in self.platform.blocks())


def whys(report: Report) -> set[WaitReason]:
    return {each.why for each in report.waiting}


Scene = Callable[[VirtualSite], Coroutine[Any, Any, None]]


@pytest.mark.parametrize("system", EVERY)
def test_a_first_move_that_changes_only_the_time_is_measured_and_the_others_follow(
    tmp_path: Path, system: str
) -> None:
    async def scene(site: VirtualSite) -> None:
        twins = Twins(site, system, 3)
        await site.resync()
        assert twins.fact() == ""
        twins.move()
        report = await site.resync()
        assert (report.exit, twins.moved, twins.fact()) == (RunExit.DONE, 3, "yes")
        assert twins.items() == []
        assert SECRET not in repr(facts(site.app.store, system))

    play(tmp_path, scene)


@pytest.mark.prove
@pytest.mark.parametrize(
    ("system", "damage"),
    [(system, damage) for system in EVERY for damage in Damage if (system, damage) not in ABSENT],
)
def test_after_a_damaging_first_move_no_other_appointment_is_moved_there(
    tmp_path: Path, system: str, damage: Damage
) -> None:
    async def scene(site: VirtualSite) -> None:
        twins = Twins(site, system, 3)
        if damage is Damage.HOSTS:
            for event in twins.events:
                meeting = twins.platform.meetings.get(event)
                hosts = (site.world.seed_users[system, "bob"].user,)
                twins.platform.meetings.put(event, replace(meeting, hosts=hosts))
        if damage is Damage.OWNER and system != "crm":
            calendar = twins.platform.meetings.get(twins.events[0]).calendar
            team = twins.platform.calendars[calendar]
            users = (*team.users, site.world.seed_users[system, "bob"].user)
            twins.platform.calendars[calendar] = replace(team, users=users)
        await site.resync()
        twins.platform.update_damage = damage
        before = twins.starts
        twins.move()
        report = await site.resync()
        changed = sum(here != there for here, there in zip(twins.starts, before, strict=True))
        assert changed == 1
        assert twins.fact() == "no"
        (item,) = twins.items()
        assert item.event in twins.events
        assert SECRET not in item.reason
        assert WaitReason.DAMAGED in whys(report)
        assert report.exit is RunExit.UNANSWERED
        # The new times of those that wait are closed there all the same.
        late = [at for at, was in zip(twins.wanted, twins.starts, strict=True) if at != was]
        assert all(twins.closed(at) for at in late)
        # Neither time nor a new process lets it go on.
        await site.clock.sleep(3 * 86_400)
        await site.restart()
        again = await site.resync()
        assert WaitReason.DAMAGED in whys(again)
        assert sum(here != there for here, there in zip(twins.starts, before, strict=True)) == 1

    play(tmp_path, scene)


@pytest.mark.parametrize("system", EVERY)
def test_acknowledged_changes_are_accepted_and_the_other_moves_are_made(
    tmp_path: Path, system: str
) -> None:
    async def scene(site: VirtualSite) -> None:
        twins = Twins(site, system, 3)
        await site.resync()
        twins.platform.update_damage = Damage.NOTES
        twins.move()
        await site.resync()
        (item,) = twins.items()
        acknowledge_entry(site.app.store, item.id, "root", site.clock.now(), undo=False)
        report = await site.resync()
        assert (report.exit, twins.moved, twins.items()) == (RunExit.DONE, 3, [])
        # Another field is another damage.
        twins.platform.update_damage = Damage.CUSTOM_FIELDS
        site.app.engine.systems[system].facts.put(MOVES, "")
        twins.move(by=-HOUR)
        await site.resync()
        assert twins.moved == 1
        assert len(twins.items()) == 1

    play(tmp_path, scene)


def test_a_forgotten_fact_ends_the_report_and_the_next_move_is_compared(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        twins = Twins(site, "legacy", 2)
        await site.resync()
        twins.platform.update_damage = Damage.NOTES
        twins.move()
        await site.resync()
        twins.platform.update_damage = None
        site.app.engine.systems["legacy"].facts.put(MOVES, "")
        report = await site.resync()
        assert (report.exit, twins.moved, twins.fact()) == (RunExit.DONE, 2, "yes")
        assert twins.items() == []

    play(tmp_path, scene)


@pytest.mark.parametrize("system", EVERY)
def test_a_first_move_with_a_lost_reply_is_compared_before_any_other(
    tmp_path: Path, system: str
) -> None:
    async def scene(site: VirtualSite) -> None:
        twins = Twins(site, system, 3)
        await site.resync()
        twins.platform.update_damage = Damage.NOTES
        method, path = UPDATE[system]
        lost = Fault(FaultKind.LOSE_AFTER, times=1, method=method, path=path)
        twins.platform.faults.add(lost)
        before = twins.starts
        twins.move()
        await site.app.engine.poll(near=False)
        assert sum(here != there for here, there in zip(twins.starts, before, strict=True)) <= 1
        await site.restart(killed=True)
        await site.clock.sleep(60)
        report = await site.resync()
        assert sum(here != there for here, there in zip(twins.starts, before, strict=True)) == 1
        assert twins.fact() == "no"
        assert len(twins.items()) == 1
        assert WaitReason.DAMAGED in whys(report)

    play(tmp_path, scene)


@pytest.mark.parametrize("system", ["clinic", "legacy", "crm"])
def test_the_first_change_of_a_status_is_compared_too(tmp_path: Path, system: str) -> None:
    async def scene(site: VirtualSite) -> None:
        text = site.path.read_text()
        site.path.write_text(text.replace("[systems.crm]", '[systems.crm]\ncancel_as = "complete"'))
        await site.restart()
        twins = Twins(site, system, 2)
        await site.resync()
        twins.platform.update_damage = twins.platform.status_damage = Damage.NOTES
        for event in twins.theirs:
            twins.elsewhere.cancel(event)
        report = await site.resync()
        busy = [twins.shown(twins.platform, event).status == "confirmed" for event in twins.events]
        assert sorted(busy) == [False, True]
        assert twins.fact("status_changes_only_status") == "no"
        assert WaitReason.DAMAGED in whys(report)

    play(tmp_path, scene)


@pytest.mark.parametrize("system", EVERY)
def test_where_a_change_of_status_did_damage_no_other_appointment_is_moved(
    tmp_path: Path, system: str
) -> None:
    """Simulator, seed 11: a v1 account was damaged once by a status, and again by a move."""

    async def scene(site: VirtualSite) -> None:
        text = site.path.read_text()
        site.path.write_text(text.replace("[systems.crm]", '[systems.crm]\ncancel_as = "complete"'))
        await site.restart()
        twins = Twins(site, system, 2)
        await site.resync()
        twins.platform.update_damage = twins.platform.status_damage = Damage.NOTES
        twins.elsewhere.cancel(twins.theirs[0])
        await site.resync()
        before = twins.starts[1]
        twins.move(1)
        report = await site.resync()
        assert twins.starts[1] == before
        assert len(twins.platform.damaged) == 1
        assert whys(report) == {WaitReason.DAMAGED}
        for item in twins.items():
            acknowledge_entry(site.app.store, item.id, "root", site.clock.now(), undo=False)
        await site.resync()
        assert twins.starts[1] == twins.wanted[1]

    play(tmp_path, scene)


def test_a_title_that_an_update_resets_is_put_back_and_nothing_stops(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        twins = Twins(site, "clinic", 2)
        await site.resync()
        fault = Fault(FaultKind.RESET_FIELDS, times=1)
        twins.platform.faults.add(fault)
        twins.move()
        report = await site.resync()
        assert (report.exit, twins.moved, twins.items()) == (RunExit.DONE, 2, [])

    play(tmp_path, scene)


def test_on_v2_a_later_move_that_loses_hosts_stops_the_others(tmp_path: Path) -> None:
    """The first moves were of meetings without further hosts, so they proved nothing."""

    async def scene(site: VirtualSite) -> None:
        twins = Twins(site, "clinic", 3)
        await site.resync()
        twins.move()
        assert (await site.resync()).exit is RunExit.DONE
        assert twins.fact() == "yes"
        twins.platform.update_damage = Damage.NOTES
        twins.move(by=2 * HOUR)
        report = await site.resync()
        assert twins.moved == 1
        assert (twins.fact(), len(twins.items())) == ("no", 1)
        assert WaitReason.DAMAGED in whys(report)

    play(tmp_path, scene)


def test_fields_are_named_and_neither_values_nor_odd_keys_are_stored(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        twins = Twins(site, "crm", 2)
        task = twins.platform.tasks.get(twins.events[0])
        twins.platform.tasks.put(task.id, replace(task, custom={"mail of jo@x.de": SECRET}))
        await site.resync()
        twins.platform.update_damage = Damage.CUSTOM_FIELDS
        twins.move(0)
        await site.resync()
        (item,) = twins.items()
        assert item.reason == (
            "a move by syncd also changed: CustomFields.(other) "
            "(or somebody edited the event just then)"
        )

    play(tmp_path, scene)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("state.db*"))
    assert b"jo@x.de" not in stored
    assert b"Winter" not in stored


def test_planted_first_moves_that_are_not_compared_after_a_crash_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unsettled(*_given: object) -> None:
        return None

    monkeypatch.setattr(first_writes, "confirm_first_write", unsettled)
    monkeypatch.setattr("syncd.engine.writing.writer.settle_first", unsettled)
    with pytest.raises(AssertionError):
        test_a_first_move_with_a_lost_reply_is_compared_before_any_other(tmp_path, "legacy")


def test_the_state_stores_only_names_and_digests_of_a_first_write() -> None:
    found = first_writes.FirstWrite.of(json.dumps({"odd": 1}))
    assert found is None


def test_the_first_move_in_leadsquared_is_alone_in_its_call_and_the_others_share_one(
    tmp_path: Path,
) -> None:
    async def scene(site: VirtualSite) -> None:
        twins = Twins(site, "crm", 4)
        await site.resync()
        _, path = UPDATE["crm"]
        before = sum(call.path == path for call in twins.platform.calls)
        twins.move()
        assert (await site.resync()).exit is RunExit.DONE
        assert sum(call.path == path for call in twins.platform.calls) - before == 2
        assert twins.moved == 4

    play(tmp_path, scene)


def removals(twins: Twins) -> int:
    return sum(call.method == "DELETE" for call in twins.platform.calls)


def test_no_block_makes_room_for_a_move_that_waits_for_the_first_one(tmp_path: Path) -> None:
    """The blocks of waiting moves stay, even if the first move stopped all others."""

    async def scene(site: VirtualSite) -> None:
        twins = Twins(site, "clinic", 3)
        await site.resync()
        # While an earlier damage holds the moves back, the new times are closed by blocks.
        twins.platform.update_damage = Damage.NOTES
        twins.move()
        await site.resync()
        (item,) = twins.items()
        acknowledge_entry(site.app.store, item.id, "root", site.clock.now(), undo=False)
        twins.platform.update_damage = Damage.CUSTOM_FIELDS
        before = removals(twins)
        await site.resync()
        assert removals(twins) - before == 1
        late = [at for at, was in zip(twins.wanted, twins.starts, strict=True) if at != was]
        assert len(late) == 1
        assert all(twins.closed(at) for at in late)

    play(tmp_path, scene)


def accepted(site: VirtualSite) -> str:
    return site.app.engine.systems["clinic"].facts.value("accepted_changes")


def test_forgetting_facts_withdraws_the_consent_to_changes(tmp_path: Path) -> None:
    async def scene(site: VirtualSite) -> None:
        twins = Twins(site, "clinic", 3)
        await site.resync()
        twins.platform.update_damage = Damage.NOTES
        twins.move()
        await site.resync()
        (item,) = twins.items()
        acknowledge_entry(site.app.store, item.id, "root", site.clock.now(), undo=False)
        await site.resync()
        assert accepted(site) == '["notes"]'
        forget_facts(site.app.engine.systems, site.app.store, ["clinic"])
        assert not accepted(site)

    play(tmp_path, scene)
