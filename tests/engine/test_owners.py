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
from tests.engine.conftest import Shop
from tests.engine.fakes import FakeSystem
from tests.engine.test_first_read import remap
from tests.engine.test_lost_state import loses_the_database

LISTED = UserDirectory(frozenset({"p", "q", "z"}), mapped={"p": "p", "q": "q"}, listed=True)


def give(shop: Shop, events: Sequence[str], to: str) -> None:
    """Give the events of system a to another user."""
    for event in events:
        shop.a.events[event] = replace(shop.a.events[event], provider=to)


def freed(shop: Shop) -> bool:
    """Return true if any block in b and c is gone."""
    return any(len(s.blocks("p")) < len(shop.a.events) for s in (shop.b, shop.c))


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


async def test_an_unproven_change_is_looked_at_again_after_five_minutes(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    give(shop, [event], "elsewhere")
    shop.a.empty_users = True
    await shop.engine.poll(near=False)
    (found,) = owner_changes(shop.store)
    assert (found.proof, found.owner) == (OwnerProof.USERS_UNKNOWN, "elsewhere")
    shop.a.empty_users = False
    await shop.engine.poll(near=False)
    assert not freed(shop)
    shop.clock.pass_(minutes=6)
    await shop.engine.poll(near=True)
    assert owner_changes(shop.store) == []
    assert shop.blocks() == {"a": [], "b": [], "c": []}


async def test_a_fault_while_reading_users_ends_nothing(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    give(shop, [event], "elsewhere")
    shop.a.faults["users"] = [UnauthorizedError("a", "GET users"), RetryableError("a", "GET users")]
    for _ in range(2):
        report = await shop.engine.resync()
        assert (report.exit, report.answered, freed(shop)) == (RunExit.UNANSWERED, True, False)
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert freed(shop)


async def test_unknown_owners_are_logged_once_at_begin_and_end(shop: Shop) -> None:
    events = [shop.a.book("p", v(hour)) for hour in (9, 11)]
    await shop.engine.resync()
    give(shop, events, "new-id")
    shop.a.missing = {"p"}
    with capture_logs() as lines:
        for _ in range(4):
            await shop.engine.poll(near=False)
            shop.clock.pass_(minutes=6)
        shop.restart()
        await shop.engine.resync()
    told = [line for line in lines if line["event"].startswith("owners")]
    assert [line["event"] for line in told] == ["owners unknown: nothing is freed"]
    assert (told[0]["events"], told[0]["owners"]) == (2, ["new-id"])
    shop.a.missing = set()
    give(shop, events, "p")
    with capture_logs() as lines:
        for _ in range(2):
            await shop.engine.poll(near=False)
    told = [line for line in lines if line["event"].startswith("owners")]
    assert [line["event"] for line in told] == ["owners known again"]


async def test_a_calendar_in_doubt_is_not_written_to(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    give(shop, [event], "new-id")
    shop.a.missing = {"p"}
    await shop.engine.resync()
    shop.b.book("p", v(14))
    report = await shop.engine.resync()
    assert [len(s.blocks("p")) for s in shop.systems] == [0, 1, 2]
    assert (report.exit, report.failures) == (RunExit.UNANSWERED, [])
    give(shop, [event], "p")
    shop.a.missing = set()
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert [len(s.blocks("p")) for s in shop.systems] == [1, 1, 2]


async def test_the_event_of_a_merged_user_closes_both_calendars(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    give(shop, [event], "q")
    shop.a.missing = {"p"}
    await shop.engine.resync()
    for system in (shop.b, shop.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (1, 1)
    give(shop, [event], "p")
    shop.a.missing = set()
    assert (await shop.engine.resync()).exit is RunExit.DONE
    for system in (shop.b, shop.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (1, 0)
    assert owner_changes(shop.store) == []


LATER = timedelta(minutes=6)


@pytest.mark.parametrize(
    ("there", "passed"),
    [("p", LATER), ("z", LATER), ("q", LATER), ("p", timedelta(hours=-30))],
    ids=["p", "z", "q", "clock set back"],
)
async def test_an_event_of_a_merged_user_is_looked_up_before_its_time_is_freed(
    shop: Shop, there: str, passed: timedelta
) -> None:
    """The merge is undone, and only the near window is read since, which does not show it."""
    event = shop.a.book("p", v(24 * 10))
    await shop.engine.resync()
    give(shop, [event], "q")
    shop.a.missing = {"p"}
    await shop.engine.resync()
    give(shop, [event], there)
    shop.a.missing = set()
    shop.clock.time += passed
    for _ in range(3):
        await shop.engine.poll(near=True)
    assert owner_changes(shop.store) == []
    for system in (shop.b, shop.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (there == "p", there == "q")
    assert (await shop.engine.resync()).operations.total() == 0


async def deleted_while_merged_away(shop: Shop, owner: str) -> None:
    """Merge a user, so that a meeting gets another owner, and delete the meeting there."""
    event = shop.a.book("p", v(24 * 10))
    await shop.engine.resync()
    give(shop, [event], owner)
    shop.a.missing = {"p"}
    await shop.engine.resync()
    shop.a.delete(event)
    shop.clock.pass_(minutes=6)
    for _ in range(2):
        await shop.engine.resync()


@pytest.mark.parametrize("refused", [False, True])
async def test_a_deleted_event_of_a_merged_user_leaves_both_calendars(
    shop: Shop, *, refused: bool
) -> None:
    """No time is freed before the user is back; then the calendar is no longer in doubt.

    Where the platform refuses what was deleted, that is proven in the other's calendar, which
    shows more; its own calendar, which shows nothing then, need not prove it again.
    """
    if refused:
        shop.a.refuses_gone = True
        shop.a.capabilities = replace(shop.a.capabilities, refused_when_gone=frozenset(Kind))
        shop.a.book("q", v(24 * 12))
    more = int(refused)
    await deleted_while_merged_away(shop, "q")
    for system in (shop.b, shop.c):
        assert (len(system.blocks("p")), len(system.blocks("q"))) == (1, more)
    shop.a.missing = set()
    shop.b.book("p", v(24 * 11))
    shop.clock.pass_(minutes=6)
    for _ in range(2):
        await shop.engine.resync()
    assert owner_changes(shop.store) == []
    assert open_items(shop.store) == []
    assert [len(s.blocks("p")) for s in shop.systems] == [1, 0, 1]
    assert (await shop.engine.resync()).operations.total() == 0


async def test_a_deletion_at_an_unmapped_owner_is_proven_once_the_user_is_back(
    shop: Shop,
) -> None:
    """The platform refuses reads of deleted events, so only the list is a proof."""
    shop.a.refuses_gone = True
    shop.a.capabilities = replace(shop.a.capabilities, refused_when_gone=frozenset(Kind))
    shop.a.book("p", v(24 * 12))
    await deleted_while_merged_away(shop, "z")
    assert owner_changes(shop.store) != []
    assert [len(s.blocks("p")) for s in shop.systems] == [0, 2, 2]
    shop.a.missing = set()
    shop.clock.pass_(minutes=6)
    for _ in range(2):
        await shop.engine.resync()
    assert owner_changes(shop.store) == []
    assert open_items(shop.store) == []
    assert [len(s.blocks("p")) for s in shop.systems] == [0, 1, 1]


async def test_a_new_mapping_ends_owner_changes(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    give(shop, [event], "new-id")
    shop.a.missing = {"p"}
    await shop.engine.resync()
    remap(shop, {("p", "a"): "another"})
    give(shop, [event], "p")
    shop.a.missing = set()
    before = shop.writes()
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert (shop.writes(), owner_changes(shop.store)) == (before, [])


async def test_the_list_of_a_missing_user_is_no_first_read(shop: Shop) -> None:
    shop.b.book("p", v(9))
    await shop.engine.resync()
    (meeting,) = [r for r in shop.store.events_of("b", "p") if not r.created_by_us]
    loses_the_database(shop)
    shop.b.missing, shop.b.hidden = {"p"}, {meeting.id}
    report = await shop.engine.resync()
    assert (report.exit, [u.events for u in report.unknown]) == (RunExit.UNANSWERED, [0])
    assert all(len(shop.blocks()[name]) == 1 for name in ("a", "c"))
    shop.b.missing, shop.b.hidden = set(), set()
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert all(len(shop.blocks()[name]) == 1 for name in ("a", "c"))


@pytest.mark.parametrize("back", [True, False])
async def test_a_list_is_no_first_read_while_its_user_comes_or_goes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    shop.b.book("p", v(9))
    await shop.engine.resync()
    (block,) = [r.id for r in shop.store.events_of("a", "p")]
    loses_the_database(shop)
    read = FakeSystem.read

    async def meanwhile(self: FakeSystem, window: Window, *given: Any, **more: Any) -> Any:
        if self is not shop.a:
            return await read(self, window, *given, **more)
        self.hidden = {block}
        found = await read(self, window, *given, **more)
        self.missing = set() if back else {"p"}
        return found

    shop.a.missing = {"p"} if back else set()
    monkeypatch.setattr(FakeSystem, "read", meanwhile)
    await shop.engine.poll(near=False)
    monkeypatch.setattr(FakeSystem, "read", read)
    assert len(shop.a.blocks("p")) == 1
    shop.a.hidden, shop.a.missing = set(), set()
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert [len(system.blocks("p")) for system in shop.systems] == [1, 0, 1]


async def test_a_new_mapping_that_does_not_show_the_event_frees_it(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    give(shop, [event], "new-id")
    shop.a.missing = {"p"}
    await shop.engine.resync()
    shop.a.missing = set()
    remap(shop, {("p", "a"): "another"})
    assert (await shop.engine.resync()).exit is RunExit.DONE
    assert (freed(shop), owner_changes(shop.store)) == (True, [])


async def test_an_owner_change_of_a_past_event_is_not_reported(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    give(shop, [event], "new-id")
    shop.a.missing = {"p"}
    assert len((await shop.engine.resync()).unknown) == 1
    shop.clock.pass_(days=1)
    assert (await shop.engine.resync()).unknown == []
    shop.clock.pass_(days=2)
    await shop.engine.resync()
    assert owner_changes(shop.store) == []


async def test_a_target_that_has_another_owner_is_not_written_to(shop: Shop) -> None:
    """Change the owner after the read of a cycle and before its write."""
    event = shop.a.book("p", v(9), "kim")
    twin = shop.b.book("p", v(9), "kim")
    shop.a.persons = shop.b.persons = {"kim": Person(("kim@example.com",))}
    await shop.engine.resync()
    shop.b.move(twin, v(15))
    read = FakeSystem.read

    async def late(self: FakeSystem, window: Window, *given: object) -> object:
        found = await read(self, window, *given)  # type: ignore[arg-type]
        if self is shop.a:
            give(shop, [event], "new-id")
            shop.a.missing = {"p"}
            shop.clock.pass_(minutes=1)
        return found

    shop.a.read = late.__get__(shop.a)  # type: ignore[method-assign]
    await shop.engine.poll(near=False)
    assert shop.a.writes == []
    assert shop.store.records("a", [event])[0].provider == "p"


async def test_a_refused_list_of_a_present_user_is_a_fault_of_the_system(shop: Shop) -> None:
    shop.a.book("p", v(9))
    await shop.engine.resync()
    fault = RejectedError("a", "GET events", why=RejectionReason.UNFIT, status=400)
    shop.a.refused = {"p": fault}
    report = await shop.engine.resync()
    assert (report.answered, report.unknown, freed(shop)) == (False, [], False)
    shop.a.missing = {"p"}
    report = await shop.engine.resync()
    assert (report.answered, len(report.unknown), freed(shop)) == (True, 1, False)


async def test_a_block_proven_by_lists_stays_while_its_user_is_missing(shop: Shop) -> None:
    lunch = shop.a.human_block("p", v(9))
    await shop.engine.resync()
    shop.a.capabilities = replace(shop.a.capabilities, gone_by_list=frozenset({Kind.BLOCK}))
    shop.a.delete(lunch)
    shop.a.missing = {"p"}
    for _ in range(3):
        await shop.engine.poll(near=False)
    assert [len(s.blocks("p")) for s in shop.systems] == [0, 1, 1]
    shop.a.missing = set()
    for _ in range(3):
        shop.clock.pass_(minutes=6)
        await shop.engine.poll(near=False)
    assert [len(s.blocks("p")) for s in shop.systems] == [0, 0, 0]


async def test_the_user_behind_an_address_is_not_forgotten_while_in_doubt(shop: Shop) -> None:
    event = shop.a.book("p", v(9))
    shop.a.told_users = {"p": "id-1"}
    await shop.engine.resync()
    assert calendar_users(shop.store, "a") == {"p": "id-1"}
    give(shop, [event], "id-1")
    shop.a.told_users = {"p": "id-2"}
    shop.a.book("p", v(13))
    report = await shop.engine.resync()
    assert [str(u.proof) for u in report.unknown] == ["user-missing"]
    assert calendar_users(shop.store, "a") == {"p": "id-1"}


@pytest.mark.parametrize("owner", ["q", "new-id"])
@pytest.mark.parametrize("hidden", [True, False])
async def test_an_event_that_was_moved_while_its_owner_was_in_doubt_is_followed_afterwards(
    shop: Shop, owner: str, hidden: bool
) -> None:
    """The other provider's booking has followed the move; this provider's must follow too."""
    event = shop.a.book("p", v(9))
    await shop.engine.resync()
    give(shop, [event], owner)
    shop.a.missing = {"p"}
    await shop.engine.resync()
    shop.a.move(event, v(14))
    await shop.engine.resync()
    assert shop.blocks()["b"][0] == v(9).interval
    give(shop, [event], "p")
    shop.a.missing = set()
    shop.a.hidden = {event} if hidden else set()
    await shop.engine.resync()
    shop.clock.pass_(minutes=6)
    await shop.engine.resync()
    assert (shop.blocks()["b"], shop.blocks()["c"]) == ([v(14).interval], [v(14).interval])
