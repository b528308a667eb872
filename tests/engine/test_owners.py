"""Keep an event in its calendar until the list of users proves that it was handed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncd.engine.report import RunExit
from syncd.model import (
    Kind,
    OwnerProof,
    Person,
    UserDirectory,
    UserState,
    Window,
)
from syncd.store.owners import calendar_users, owner_changes
from syncd.store.reported import open_items
from syncd.systems.port import RejectedError, RejectionReason, RetryableError, UnauthorizedError
from tests.core.kit import v
from tests.engine.conftest import EngineHarness
from tests.engine.fakes import FakeSystem
from tests.engine.test_first_read import remap
from tests.engine.test_lost_state import loses_the_database

LISTED = UserDirectory(frozenset({"p", "q", "z"}), mapped={"p": "p", "q": "q"}, listed=True)


def give(harness: EngineHarness, events: Sequence[str], to: str) -> None:
    """Give the events of system a to another user."""
    for event in events:
        harness.a.events[event] = replace(harness.a.events[event], provider=to)


def freed(harness: EngineHarness) -> bool:
    """Return true if any block in b and c is gone."""
    return any(len(s.blocks("p")) < len(harness.a.events) for s in (harness.b, harness.c))


@pytest.mark.parametrize(
    ("listed", "owner", "holder", "known", "proof"),
    [
        (LISTED, "z", "", "", OwnerProof.HANDED_OVER),
        (LISTED, "q", "q", "", OwnerProof.HANDED_OVER),
        (LISTED, "", "q", "", OwnerProof.HANDED_OVER),
        (LISTED, "", "", "", OwnerProof.OWNER_UNKNOWN),
        (LISTED, "x", "", "", OwnerProof.OWNER_UNKNOWN),
        (LISTED, "p", "", "", OwnerProof.OWNER_UNKNOWN),
        (LISTED, "z", "", "p", OwnerProof.HANDED_OVER),
        (LISTED, "z", "", "former", OwnerProof.USER_MISSING),
        (replace(LISTED, mapped={"p": None}), "z", "", "", OwnerProof.USER_MISSING),
        (replace(LISTED, mapped={}), "z", "", "", OwnerProof.USER_MISSING),
        (UserDirectory(), "z", "", "", OwnerProof.USERS_UNKNOWN),
        (replace(LISTED, listed=False), "z", "", "", OwnerProof.USERS_UNKNOWN),
    ],
)
def test_only_a_present_user_and_another_existing_owner_prove_a_hand_over(
    listed: UserDirectory, owner: str, holder: str, known: str, proof: OwnerProof
) -> None:
    assert listed.proof("p", owner, holder, known=known) is proof


def test_a_calendar_without_a_user_is_handed_over_to_another_calendar() -> None:
    listed = UserDirectory(
        frozenset({"u"}), frozenset({"room", "desk"}), {"p": "room", "q": None}, listed=True
    )
    assert listed.proof("p", "", place="desk") is OwnerProof.HANDED_OVER
    assert listed.proof("p", "", place="room") is OwnerProof.OWNER_UNKNOWN
    assert listed.proof("p", "", place="gone") is OwnerProof.OWNER_UNKNOWN
    assert listed.state_of("q") is UserState.MISSING


async def test_an_unproven_change_is_looked_at_again_after_five_minutes(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    give(harness, [event], "elsewhere")
    harness.a.empty_users = True
    await harness.engine.poll(near=False)
    (found,) = owner_changes(harness.store)
    assert (found.proof, found.owner) == (OwnerProof.USERS_UNKNOWN, "elsewhere")
    harness.a.empty_users = False
    await harness.engine.poll(near=False)
    assert not freed(harness)
    harness.clock.pass_(minutes=6)
    await harness.engine.poll(near=True)
    assert owner_changes(harness.store) == []
    assert harness.blocks() == {"a": [], "b": [], "c": []}


async def test_a_fault_while_reading_users_ends_nothing(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    give(harness, [event], "elsewhere")
    harness.a.faults["users"] = [
        UnauthorizedError("a", "GET users"),
        RetryableError("a", "GET users"),
    ]
    for _ in range(2):
        report = await harness.engine.resync()
        assert (report.exit, report.answered, freed(harness)) == (RunExit.UNANSWERED, True, False)
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert freed(harness)


async def test_unknown_owners_are_logged_once_at_begin_and_end(harness: EngineHarness) -> None:
    events = [harness.a.book("p", v(hour)) for hour in (9, 11)]
    await harness.engine.resync()
    give(harness, events, "new-id")
    harness.a.missing = {"p"}
    with capture_logs() as lines:
        for _ in range(4):
            await harness.engine.poll(near=False)
            harness.clock.pass_(minutes=6)
        harness.restart()
        await harness.engine.resync()
    told = [line for line in lines if line["event"].startswith("owners")]
    assert [line["event"] for line in told] == ["owners unknown: nothing is freed"]
    assert (told[0]["events"], told[0]["owners"]) == (2, ["new-id"])
    harness.a.missing = set()
    give(harness, events, "p")
    with capture_logs() as lines:
        for _ in range(2):
            await harness.engine.poll(near=False)
    told = [line for line in lines if line["event"].startswith("owners")]
    assert [line["event"] for line in told] == ["owners known again"]


async def test_a_calendar_in_doubt_is_not_written_to(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    give(harness, [event], "new-id")
    harness.a.missing = {"p"}
    await harness.engine.resync()
    harness.b.book("p", v(14))
    report = await harness.engine.resync()
    assert [len(s.blocks("p")) for s in harness.systems] == [0, 1, 2]
    assert (report.exit, report.failures) == (RunExit.UNANSWERED, [])
    give(harness, [event], "p")
    harness.a.missing = set()
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert [len(s.blocks("p")) for s in harness.systems] == [1, 1, 2]


async def test_the_event_of_a_merged_user_closes_both_calendars(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    give(harness, [event], "q")
    harness.a.missing = {"p"}
    await harness.engine.resync()
    for system in (harness.b, harness.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (1, 1)
    give(harness, [event], "p")
    harness.a.missing = set()
    assert (await harness.engine.resync()).exit is RunExit.DONE
    for system in (harness.b, harness.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (1, 0)
    assert owner_changes(harness.store) == []


LATER = timedelta(minutes=6)


@pytest.mark.parametrize(
    ("there", "passed"),
    [("p", LATER), ("z", LATER), ("q", LATER), ("p", timedelta(hours=-30))],
    ids=["p", "z", "q", "clock set back"],
)
async def test_an_event_of_a_merged_user_is_looked_up_before_its_time_is_freed(
    harness: EngineHarness, there: str, passed: timedelta
) -> None:
    """The merge is undone, and only the near window is read since, which does not show it."""
    event = harness.a.book("p", v(24 * 10))
    await harness.engine.resync()
    give(harness, [event], "q")
    harness.a.missing = {"p"}
    await harness.engine.resync()
    give(harness, [event], there)
    harness.a.missing = set()
    harness.clock.time += passed
    for _ in range(3):
        await harness.engine.poll(near=True)
    assert owner_changes(harness.store) == []
    for system in (harness.b, harness.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (there == "p", there == "q")
    assert (await harness.engine.resync()).operations.total() == 0


async def deleted_while_merged_away(harness: EngineHarness, owner: str) -> None:
    """Merge a user, so that a meeting gets another owner, and delete the meeting there."""
    event = harness.a.book("p", v(24 * 10))
    await harness.engine.resync()
    give(harness, [event], owner)
    harness.a.missing = {"p"}
    await harness.engine.resync()
    harness.a.delete(event)
    harness.clock.pass_(minutes=6)
    for _ in range(2):
        await harness.engine.resync()


@pytest.mark.parametrize("refused", [False, True])
async def test_a_deleted_event_of_a_merged_user_leaves_both_calendars(
    harness: EngineHarness, *, refused: bool
) -> None:
    """No time is freed before the user is back; then the calendar is no longer in doubt.

    Where the platform refuses what was deleted, that is proven in the other's calendar, which
    shows more; its own calendar, which shows nothing then, need not prove it again.
    """
    if refused:
        harness.a.refuses_gone = True
        harness.a.capabilities = replace(harness.a.capabilities, refused_when_gone=frozenset(Kind))
        harness.a.book("q", v(24 * 12))
    more = int(refused)
    await deleted_while_merged_away(harness, "q")
    for system in (harness.b, harness.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (1, more)
    harness.a.missing = set()
    harness.b.book("p", v(24 * 11))
    harness.clock.pass_(minutes=6)
    for _ in range(2):
        await harness.engine.resync()
    assert owner_changes(harness.store) == []
    assert open_items(harness.store) == []
    assert [len(s.blocks("p")) for s in harness.systems] == [1, 0, 1]
    assert (await harness.engine.resync()).operations.total() == 0


async def test_a_deletion_at_an_unmapped_owner_is_proven_once_the_user_is_back(
    harness: EngineHarness,
) -> None:
    """The platform refuses reads of deleted events, so only the list is a proof."""
    harness.a.refuses_gone = True
    harness.a.capabilities = replace(harness.a.capabilities, refused_when_gone=frozenset(Kind))
    harness.a.book("p", v(24 * 12))
    await deleted_while_merged_away(harness, "z")
    assert owner_changes(harness.store) != []
    assert [len(s.blocks("p")) for s in harness.systems] == [0, 2, 2]
    harness.a.missing = set()
    harness.clock.pass_(minutes=6)
    for _ in range(2):
        await harness.engine.resync()
    assert owner_changes(harness.store) == []
    assert open_items(harness.store) == []
    assert [len(s.blocks("p")) for s in harness.systems] == [0, 1, 1]


async def test_a_new_mapping_ends_owner_changes(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    give(harness, [event], "new-id")
    harness.a.missing = {"p"}
    await harness.engine.resync()
    remap(harness, {("p", "a"): "another"})
    give(harness, [event], "p")
    harness.a.missing = set()
    before = harness.writes()
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert (harness.writes(), owner_changes(harness.store)) == (before, [])


async def test_the_list_of_a_missing_user_is_no_first_read(harness: EngineHarness) -> None:
    harness.b.book("p", v(9))
    await harness.engine.resync()
    (meeting,) = [r for r in harness.store.events_of("b", "p") if not r.created_by_us]
    loses_the_database(harness)
    harness.b.missing, harness.b.hidden = {"p"}, {meeting.id}
    report = await harness.engine.resync()
    assert (report.exit, [u.events for u in report.unknown]) == (RunExit.UNANSWERED, [0])
    assert all(len(harness.blocks()[name]) == 1 for name in ("a", "c"))
    harness.b.missing, harness.b.hidden = set(), set()
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert all(len(harness.blocks()[name]) == 1 for name in ("a", "c"))


@pytest.mark.parametrize("back", [True, False])
async def test_a_list_is_no_first_read_while_its_user_comes_or_goes(
    harness: EngineHarness, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    harness.b.book("p", v(9))
    await harness.engine.resync()
    (block,) = [r.id for r in harness.store.events_of("a", "p")]
    loses_the_database(harness)
    read = FakeSystem.read

    async def meanwhile(self: FakeSystem, window: Window, *given: Any, **more: Any) -> Any:
        if self is not harness.a:
            return await read(self, window, *given, **more)
        self.hidden = {block}
        found = await read(self, window, *given, **more)
        self.missing = set() if back else {"p"}
        return found

    harness.a.missing = {"p"} if back else set()
    monkeypatch.setattr(FakeSystem, "read", meanwhile)
    await harness.engine.poll(near=False)
    monkeypatch.setattr(FakeSystem, "read", read)
    assert len(harness.a.blocks("p")) == 1
    harness.a.hidden, harness.a.missing = set(), set()
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert [len(system.blocks("p")) for system in harness.systems] == [1, 0, 1]


async def test_a_new_mapping_that_does_not_show_the_event_frees_it(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    give(harness, [event], "new-id")
    harness.a.missing = {"p"}
    await harness.engine.resync()
    harness.a.missing = set()
    remap(harness, {("p", "a"): "another"})
    assert (await harness.engine.resync()).exit is RunExit.DONE
    assert (freed(harness), owner_changes(harness.store)) == (True, [])


async def test_an_owner_change_of_a_past_event_is_not_reported(harness: EngineHarness) -> None:
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    give(harness, [event], "new-id")
    harness.a.missing = {"p"}
    assert len((await harness.engine.resync()).unknown) == 1
    harness.clock.pass_(days=1)
    assert (await harness.engine.resync()).unknown == []
    harness.clock.pass_(days=2)
    await harness.engine.resync()
    assert owner_changes(harness.store) == []


async def test_a_target_that_has_another_owner_is_not_written_to(harness: EngineHarness) -> None:
    """Change the owner after the read of a cycle and before its write."""
    event = harness.a.book("p", v(9), "kim")
    twin = harness.b.book("p", v(9), "kim")
    harness.a.persons = harness.b.persons = {"kim": Person(("kim@example.com",))}
    await harness.engine.resync()
    harness.b.move(twin, v(15))
    read = FakeSystem.read

    async def late(self: FakeSystem, window: Window, *given: object) -> object:
        found = await read(self, window, *given)  # type: ignore[arg-type]
        if self is harness.a:
            give(harness, [event], "new-id")
            harness.a.missing = {"p"}
            harness.clock.pass_(minutes=1)
        return found

    harness.a.read = late.__get__(harness.a)  # type: ignore[method-assign]
    await harness.engine.poll(near=False)
    assert harness.a.writes == []
    assert harness.store.records("a", [event])[0].provider == "p"


async def test_a_refused_list_of_a_present_user_is_a_fault_of_the_system(
    harness: EngineHarness,
) -> None:
    harness.a.book("p", v(9))
    await harness.engine.resync()
    fault = RejectedError("a", "GET events", why=RejectionReason.UNFIT, status=400)
    harness.a.refused = {"p": fault}
    report = await harness.engine.resync()
    assert (report.answered, report.unknown, freed(harness)) == (False, [], False)
    harness.a.missing = {"p"}
    report = await harness.engine.resync()
    assert (report.answered, len(report.unknown), freed(harness)) == (True, 1, False)


async def test_a_block_proven_by_lists_stays_while_its_user_is_missing(
    harness: EngineHarness,
) -> None:
    lunch = harness.a.human_block("p", v(9))
    await harness.engine.resync()
    harness.a.capabilities = replace(harness.a.capabilities, gone_by_list=frozenset({Kind.BLOCK}))
    harness.a.delete(lunch)
    harness.a.missing = {"p"}
    for _ in range(3):
        await harness.engine.poll(near=False)
    assert [len(s.blocks("p")) for s in harness.systems] == [0, 1, 1]
    harness.a.missing = set()
    for _ in range(3):
        harness.clock.pass_(minutes=6)
        await harness.engine.poll(near=False)
    assert [len(s.blocks("p")) for s in harness.systems] == [0, 0, 0]


async def test_the_user_behind_an_address_is_not_forgotten_while_in_doubt(
    harness: EngineHarness,
) -> None:
    event = harness.a.book("p", v(9))
    harness.a.told_users = {"p": "id-1"}
    await harness.engine.resync()
    assert calendar_users(harness.store, "a") == {"p": "id-1"}
    give(harness, [event], "id-1")
    harness.a.told_users = {"p": "id-2"}
    harness.a.book("p", v(13))
    report = await harness.engine.resync()
    assert [str(u.proof) for u in report.unknown] == ["user-missing"]
    assert calendar_users(harness.store, "a") == {"p": "id-1"}


@pytest.mark.parametrize("owner", ["q", "new-id"])
@pytest.mark.parametrize("hidden", [True, False])
async def test_an_event_that_was_moved_while_its_owner_was_in_doubt_is_followed_afterwards(
    harness: EngineHarness, owner: str, hidden: bool
) -> None:
    """The other provider's booking has followed the move; this provider's must follow too."""
    event = harness.a.book("p", v(9))
    await harness.engine.resync()
    give(harness, [event], owner)
    harness.a.missing = {"p"}
    await harness.engine.resync()
    harness.a.move(event, v(14))
    await harness.engine.resync()
    assert harness.blocks()["b"][0] == v(9).interval
    give(harness, [event], "p")
    harness.a.missing = set()
    harness.a.hidden = {event} if hidden else set()
    await harness.engine.resync()
    harness.clock.pass_(minutes=6)
    await harness.engine.resync()
    assert (harness.blocks()["b"], harness.blocks()["c"]) == ([v(14).interval], [v(14).interval])
