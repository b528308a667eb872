"""Keep an event in its calendar until the list of users proves that it was handed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncd.engine.report.run_report import RunExit
from syncd.model import (
    Kind,
    OwnerProof,
    Person,
    UserDirectory,
    UserState,
    Window,
)
from syncd.store.queries.owners import calendar_users, owner_changes
from syncd.store.queries.reported import open_items
from syncd.systems.errors import RejectedError, RejectionReason, RetryableError, UnauthorizedError
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.fakes import FakeSystem
from tests.engine.test_first_read import remap
from tests.engine.test_lost_state import loses_the_database

LISTED = UserDirectory(frozenset({"p", "q", "z"}), mapped={"p": "p", "q": "q"}, listed=True)


def give(rig: Rig, events: Sequence[str], to: str) -> None:
    """Give the events of system a to another user."""
    for event in events:
        rig.a.events[event] = replace(rig.a.events[event], provider=to)


def freed(rig: Rig) -> bool:
    """Return true if any block in b and c is gone."""
    return any(len(s.blocks("p")) < len(rig.a.events) for s in (rig.b, rig.c))


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


async def test_an_unproven_change_is_looked_at_again_after_five_minutes(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    give(rig, [event], "elsewhere")
    rig.a.empty_users = True
    await rig.engine.poll(near=False)
    (found,) = owner_changes(rig.store)
    assert (found.proof, found.owner) == (OwnerProof.USERS_UNKNOWN, "elsewhere")
    rig.a.empty_users = False
    await rig.engine.poll(near=False)
    assert not freed(rig)
    rig.clock.pass_(minutes=6)
    await rig.engine.poll(near=True)
    assert owner_changes(rig.store) == []
    assert rig.blocks() == {"a": [], "b": [], "c": []}


async def test_a_fault_while_reading_users_ends_nothing(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    give(rig, [event], "elsewhere")
    rig.a.faults["users"] = [UnauthorizedError("a", "GET users"), RetryableError("a", "GET users")]
    for _ in range(2):
        report = await rig.engine.resync()
        assert (report.exit, report.answered, freed(rig)) == (RunExit.UNANSWERED, True, False)
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert freed(rig)


async def test_unknown_owners_are_logged_once_at_begin_and_end(rig: Rig) -> None:
    events = [rig.a.book("p", v(hour)) for hour in (9, 11)]
    await rig.engine.resync()
    give(rig, events, "new-id")
    rig.a.missing = {"p"}
    with capture_logs() as lines:
        for _ in range(4):
            await rig.engine.poll(near=False)
            rig.clock.pass_(minutes=6)
        rig.restart()
        await rig.engine.resync()
    told = [line for line in lines if line["event"].startswith("owners")]
    assert [line["event"] for line in told] == ["owners unknown: nothing is freed"]
    assert (told[0]["events"], told[0]["owners"]) == (2, ["new-id"])
    rig.a.missing = set()
    give(rig, events, "p")
    with capture_logs() as lines:
        for _ in range(2):
            await rig.engine.poll(near=False)
    told = [line for line in lines if line["event"].startswith("owners")]
    assert [line["event"] for line in told] == ["owners known again"]


async def test_a_calendar_in_doubt_is_not_written_to(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    give(rig, [event], "new-id")
    rig.a.missing = {"p"}
    await rig.engine.resync()
    rig.b.book("p", v(14))
    report = await rig.engine.resync()
    assert [len(s.blocks("p")) for s in rig.systems] == [0, 1, 2]
    assert (report.exit, report.failures) == (RunExit.UNANSWERED, [])
    give(rig, [event], "p")
    rig.a.missing = set()
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert [len(s.blocks("p")) for s in rig.systems] == [1, 1, 2]


async def test_the_event_of_a_merged_user_closes_both_calendars(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    give(rig, [event], "q")
    rig.a.missing = {"p"}
    await rig.engine.resync()
    for system in (rig.b, rig.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (1, 1)
    give(rig, [event], "p")
    rig.a.missing = set()
    assert (await rig.engine.resync()).exit is RunExit.DONE
    for system in (rig.b, rig.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (1, 0)
    assert owner_changes(rig.store) == []


LATER = timedelta(minutes=6)


@pytest.mark.parametrize(
    ("there", "passed"),
    [("p", LATER), ("z", LATER), ("q", LATER), ("p", timedelta(hours=-30))],
    ids=["p", "z", "q", "clock set back"],
)
async def test_an_event_of_a_merged_user_is_looked_up_before_its_time_is_freed(
    rig: Rig, there: str, passed: timedelta
) -> None:
    """The merge is undone, and only the near window is read since, which does not show it."""
    event = rig.a.book("p", v(24 * 10))
    await rig.engine.resync()
    give(rig, [event], "q")
    rig.a.missing = {"p"}
    await rig.engine.resync()
    give(rig, [event], there)
    rig.a.missing = set()
    rig.clock.time += passed
    for _ in range(3):
        await rig.engine.poll(near=True)
    assert owner_changes(rig.store) == []
    for system in (rig.b, rig.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (there == "p", there == "q")
    assert (await rig.engine.resync()).operations.total() == 0


async def deleted_while_merged_away(rig: Rig, owner: str) -> None:
    """Merge a user, so that a meeting gets another owner, and delete the meeting there."""
    event = rig.a.book("p", v(24 * 10))
    await rig.engine.resync()
    give(rig, [event], owner)
    rig.a.missing = {"p"}
    await rig.engine.resync()
    rig.a.delete(event)
    rig.clock.pass_(minutes=6)
    for _ in range(2):
        await rig.engine.resync()


@pytest.mark.parametrize("refused", [False, True])
async def test_a_deleted_event_of_a_merged_user_leaves_both_calendars(
    rig: Rig, *, refused: bool
) -> None:
    """No time is freed before the user is back; then the calendar is no longer in doubt.

    Where the platform refuses what was deleted, that is proven in the other's calendar, which
    shows more; its own calendar, which shows nothing then, need not prove it again.
    """
    if refused:
        rig.a.refuses_gone = True
        rig.a.capabilities = replace(rig.a.capabilities, refused_when_gone=frozenset(Kind))
        rig.a.book("q", v(24 * 12))
    more = int(refused)
    await deleted_while_merged_away(rig, "q")
    for system in (rig.b, rig.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (1, more)
    rig.a.missing = set()
    rig.b.book("p", v(24 * 11))
    rig.clock.pass_(minutes=6)
    for _ in range(2):
        await rig.engine.resync()
    assert owner_changes(rig.store) == []
    assert open_items(rig.store) == []
    assert [len(s.blocks("p")) for s in rig.systems] == [1, 0, 1]
    assert (await rig.engine.resync()).operations.total() == 0


async def test_a_deletion_at_an_unmapped_owner_is_proven_once_the_user_is_back(
    rig: Rig,
) -> None:
    """The platform refuses reads of deleted events, so only the list is a proof."""
    rig.a.refuses_gone = True
    rig.a.capabilities = replace(rig.a.capabilities, refused_when_gone=frozenset(Kind))
    rig.a.book("p", v(24 * 12))
    await deleted_while_merged_away(rig, "z")
    assert owner_changes(rig.store) != []
    assert [len(s.blocks("p")) for s in rig.systems] == [0, 2, 2]
    rig.a.missing = set()
    rig.clock.pass_(minutes=6)
    for _ in range(2):
        await rig.engine.resync()
    assert owner_changes(rig.store) == []
    assert open_items(rig.store) == []
    assert [len(s.blocks("p")) for s in rig.systems] == [0, 1, 1]


async def test_a_new_mapping_ends_owner_changes(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    give(rig, [event], "new-id")
    rig.a.missing = {"p"}
    await rig.engine.resync()
    remap(rig, {("p", "a"): "another"})
    give(rig, [event], "p")
    rig.a.missing = set()
    before = rig.writes()
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert (rig.writes(), owner_changes(rig.store)) == (before, [])


async def test_the_list_of_a_missing_user_is_no_first_read(rig: Rig) -> None:
    rig.b.book("p", v(9))
    await rig.engine.resync()
    (meeting,) = [r for r in rig.store.events_of("b", "p") if not r.created_by_us]
    loses_the_database(rig)
    rig.b.missing, rig.b.hidden = {"p"}, {meeting.id}
    report = await rig.engine.resync()
    assert (report.exit, [u.events for u in report.unknown]) == (RunExit.UNANSWERED, [0])
    assert all(len(rig.blocks()[name]) == 1 for name in ("a", "c"))
    rig.b.missing, rig.b.hidden = set(), set()
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert all(len(rig.blocks()[name]) == 1 for name in ("a", "c"))


@pytest.mark.parametrize("back", [True, False])
async def test_a_list_is_no_first_read_while_its_user_comes_or_goes(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    rig.b.book("p", v(9))
    await rig.engine.resync()
    (block,) = [r.id for r in rig.store.events_of("a", "p")]
    loses_the_database(rig)
    read = FakeSystem.read

    async def meanwhile(self: FakeSystem, window: Window, *given: Any, **more: Any) -> Any:
        if self is not rig.a:
            return await read(self, window, *given, **more)
        self.hidden = {block}
        found = await read(self, window, *given, **more)
        self.missing = set() if back else {"p"}
        return found

    rig.a.missing = {"p"} if back else set()
    monkeypatch.setattr(FakeSystem, "read", meanwhile)
    await rig.engine.poll(near=False)
    monkeypatch.setattr(FakeSystem, "read", read)
    assert len(rig.a.blocks("p")) == 1
    rig.a.hidden, rig.a.missing = set(), set()
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert [len(system.blocks("p")) for system in rig.systems] == [1, 0, 1]


async def test_a_new_mapping_that_does_not_show_the_event_frees_it(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    give(rig, [event], "new-id")
    rig.a.missing = {"p"}
    await rig.engine.resync()
    rig.a.missing = set()
    remap(rig, {("p", "a"): "another"})
    assert (await rig.engine.resync()).exit is RunExit.DONE
    assert (freed(rig), owner_changes(rig.store)) == (True, [])


async def test_an_owner_change_of_a_past_event_is_not_reported(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    give(rig, [event], "new-id")
    rig.a.missing = {"p"}
    assert len((await rig.engine.resync()).unknown) == 1
    rig.clock.pass_(days=1)
    assert (await rig.engine.resync()).unknown == []
    rig.clock.pass_(days=2)
    await rig.engine.resync()
    assert owner_changes(rig.store) == []


async def test_a_target_that_has_another_owner_is_not_written_to(rig: Rig) -> None:
    """Change the owner after the read of a cycle and before its write."""
    event = rig.a.book("p", v(9), "kim")
    twin = rig.b.book("p", v(9), "kim")
    rig.a.customers = rig.b.customers = {"kim": Person(("kim@example.com",))}
    await rig.engine.resync()
    rig.b.move(twin, v(15))
    read = FakeSystem.read

    async def late(self: FakeSystem, window: Window, *given: object) -> object:
        found = await read(self, window, *given)  # type: ignore[arg-type]
        if self is rig.a:
            give(rig, [event], "new-id")
            rig.a.missing = {"p"}
            rig.clock.pass_(minutes=1)
        return found

    rig.a.read = late.__get__(rig.a)  # type: ignore[method-assign]
    await rig.engine.poll(near=False)
    assert rig.a.writes == []
    assert rig.store.records("a", [event])[0].provider == "p"


async def test_a_refused_list_of_a_present_user_is_a_fault_of_the_system(rig: Rig) -> None:
    rig.a.book("p", v(9))
    await rig.engine.resync()
    fault = RejectedError("a", "GET events", why=RejectionReason.UNFIT, status=400)
    rig.a.refused = {"p": fault}
    report = await rig.engine.resync()
    assert (report.answered, report.unknown, freed(rig)) == (False, [], False)
    rig.a.missing = {"p"}
    report = await rig.engine.resync()
    assert (report.answered, len(report.unknown), freed(rig)) == (True, 1, False)


async def test_a_block_proven_by_lists_stays_while_its_user_is_missing(rig: Rig) -> None:
    lunch = rig.a.human_block("p", v(9))
    await rig.engine.resync()
    rig.a.capabilities = replace(rig.a.capabilities, gone_by_list=frozenset({Kind.BLOCK}))
    rig.a.delete(lunch)
    rig.a.missing = {"p"}
    for _ in range(3):
        await rig.engine.poll(near=False)
    assert [len(s.blocks("p")) for s in rig.systems] == [0, 1, 1]
    rig.a.missing = set()
    for _ in range(3):
        rig.clock.pass_(minutes=6)
        await rig.engine.poll(near=False)
    assert [len(s.blocks("p")) for s in rig.systems] == [0, 0, 0]


async def test_the_user_behind_an_address_is_not_forgotten_while_in_doubt(rig: Rig) -> None:
    event = rig.a.book("p", v(9))
    rig.a.told_users = {"p": "id-1"}
    await rig.engine.resync()
    assert calendar_users(rig.store, "a") == {"p": "id-1"}
    give(rig, [event], "id-1")
    rig.a.told_users = {"p": "id-2"}
    rig.a.book("p", v(13))
    report = await rig.engine.resync()
    assert [str(u.proof) for u in report.unknown] == ["user-missing"]
    assert calendar_users(rig.store, "a") == {"p": "id-1"}


@pytest.mark.parametrize("owner", ["q", "new-id"])
@pytest.mark.parametrize("hidden", [True, False])
async def test_an_event_that_was_moved_while_its_owner_was_in_doubt_is_followed_afterwards(
    rig: Rig, owner: str, hidden: bool
) -> None:
    """The other provider's booking has followed the move; this provider's must follow too."""
    event = rig.a.book("p", v(9))
    await rig.engine.resync()
    give(rig, [event], owner)
    rig.a.missing = {"p"}
    await rig.engine.resync()
    rig.a.move(event, v(14))
    await rig.engine.resync()
    assert rig.blocks()["b"][0] == v(9).interval
    give(rig, [event], "p")
    rig.a.missing = set()
    rig.a.hidden = {event} if hidden else set()
    await rig.engine.resync()
    rig.clock.pass_(minutes=6)
    await rig.engine.resync()
    assert (rig.blocks()["b"], rig.blocks()["c"]) == ([v(14).interval], [v(14).interval])
