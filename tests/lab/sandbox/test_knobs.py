"""Each uncertain fact has a knob that changes what the platform answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from syncd.lab.sandbox.asgi_transport import AsgiTransport
from syncd.lab.sandbox.clock import ManualClock
from syncd.lab.sandbox.server import Sandbox
from syncd.model.platform_facts import PLATFORM_FACTS, PlatformFact
from tests.lab.sandbox.measure_facts import CHECKS, LSQ, V1, V2
from tests.lab.sandbox.seeded_accounts import (
    NINE,
    NOW,
    TEN,
    Accounts,
    iso,
    serve_accounts,
)


@pytest.fixture
async def accounts() -> AsyncIterator[Accounts]:
    """Serve three seeded accounts without bookings."""
    async with serve_accounts() as served:
        yield served


SIDES = [(row, side) for row in PLATFORM_FACTS for side in row.sides]
_SYSTEMS = {V2: "clinic", V1: "legacy", LSQ: "crm"}


@pytest.mark.parametrize(
    ("row", "side"), SIDES, ids=[f"{row.platform} {row.name} {side}" for row, side in SIDES]
)
async def test_answers_show_the_side_that_was_set(
    accounts: Accounts, row: PlatformFact, side: str
) -> None:
    platform = accounts.sandbox.systems[_SYSTEMS[row.platform]]
    platform.set_fact(row.name, side)
    assert platform.fact(row.name) == side
    accounts.clock.advance(1)  # so that lists show everything written before
    assert await CHECKS[row.platform, row.name](accounts) == side


def test_each_fact_of_the_table_has_a_check() -> None:
    assert set(CHECKS) == {(row.platform, row.name) for row in PLATFORM_FACTS}


@pytest.mark.parametrize("system", ["clinic", "legacy", "crm"])
async def test_setting_a_fact_leaves_the_other_facts_unchanged(
    accounts: Accounts, system: str
) -> None:
    platform = accounts.sandbox.systems[system]
    before = platform.facts()
    for row in (row for row in PLATFORM_FACTS if row.platform is platform.kind):
        for side in row.sides:
            platform.set_fact(row.name, side)
            assert platform.facts() == before | {row.name: side}
        platform.set_fact(row.name, before[row.name])


def test_an_unknown_name_or_side_is_refused_with_the_known_ones() -> None:
    clinic = Sandbox(ManualClock(NOW)).clinic
    with pytest.raises(ValueError, match="no fact 'slot_names'; the facts are: update_replaces, "):
        clinic.set_fact("slot_names", "From/To")
    with pytest.raises(
        ValueError, match="'any' is not a value of second_delete; the values are: 200, 400, 404"
    ):
        clinic.set_fact("second_delete", "any")
    with pytest.raises(ValueError, match="no fact 'nothing'"):
        clinic.fact("nothing")


def test_a_knob_with_another_value_belongs_to_no_side() -> None:
    crm = Sandbox(ManualClock(NOW)).crm
    crm.date_zone = "Asia/Tokyo"
    with pytest.raises(ValueError, match="date_zone is set to 'Asia/Tokyo'"):
        crm.fact("date_zone")


async def test_the_control_api_sets_facts_and_books_services(
    accounts: Accounts,
) -> None:
    seat = accounts.seed_user("clinic")
    control = AsgiTransport(accounts.sandbox.apps["control"])
    async with httpx.AsyncClient(base_url="http://127.0.0.1", transport=control) as people:
        path, fact = "/clinic/set-fact", {"name": "lists_service_bookings", "side": "yes"}
        assert (await people.post(path, json=fact)).json() == {"side": "yes"}
        shown = (await people.get("/clinic/facts")).json()["facts"]
        assert shown["lists_service_bookings"] == "yes"
        wrong = await people.post(path, json=fact | {"side": "maybe"})
        assert (wrong.status_code, "yes, no" in wrong.json()["error"]) == (422, True)
        span = {"start": iso(NINE), "end": iso(TEN), "contact": seat.contact}
        booked = {"calendar": seat.calendar, "user": seat.user, **span}
        made = await people.post("/clinic/book-service", json=booked)
        assert made.status_code == 201
        assert [row["id"] for row in await accounts.events()] == [made.json()["id"]]
        elsewhere = await people.post("/legacy/book-service", json=booked)
        assert elsewhere.status_code == 422
