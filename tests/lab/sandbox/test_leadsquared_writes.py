"""Writes of LeadSquared over HTTP and by people, over a real socket.

See docs/platforms/leadsquared.md#creating-tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from syncd.lab.sandbox.records import PlatformUi
from tests.lab.sandbox.kit import at
from tests.lab.sandbox.test_leadsquared import (
    ALICE,
    BOB,
    CREATE,
    DELETE,
    Crm,
    crm,
    utc_text,
)

__all__ = ["crm"]
COMPLETE = "/Task.svc/MarkComplete"


async def test_a_created_block_is_listed_with_the_keys_user_as_its_author(crm: Crm) -> None:
    answer = await crm.client.post(CREATE, json=crm.busy(at(9)))
    assert answer.status_code == 200
    reply = answer.json()
    (block,) = crm.platform.blocks()
    assert reply == {"Status": "Success", "Message": {"Id": block.id}}
    assert (block.user, block.start, block.end) == (ALICE, at(9), at(10))
    assert block.title == "Busy made by a test [s:abc]"
    (row,) = await crm.get(block.id)
    assert await crm.ids() == [block.id]
    me = crm.platform.users["integration@example.com"].id
    assert (row["CreatedBy"], row["ModifiedBy"]) == (me, me)
    assert (row["Name"], row["Description"]) == ("Busy", "made by a test [s:abc]")


async def test_a_create_accepts_a_lead_an_owner_id_and_custom_fields(crm: Crm) -> None:
    id = await crm.create(
        at(9),
        TaskType={"Name": "Consultation"},
        RelatedEntity="1",
        RelatedEntityId=crm.lead,
        OwnerId=crm.platform.users[BOB].id,
        OwnerEmailAddress=None,
        CustomFields={"mx_Custom_1": "x"},
    )
    (appointment,) = crm.platform.appointments()
    assert (appointment.id, appointment.user, appointment.contact) == (id, BOB, crm.lead)
    assert (await crm.get(id))[0]["CustomFields"] == {"mx_Custom_1": "x"}


async def test_a_create_without_times_starts_now_with_the_types_length(crm: Crm) -> None:
    await crm.create(at(9), DueDate=None, EndDate=None)
    (block,) = crm.platform.blocks()
    assert (block.start, block.end) == (at(7), at(7.5))


async def test_a_repeated_create_makes_a_second_one(crm: Crm) -> None:
    assert await crm.create(at(9)) != await crm.create(at(9))
    assert len(crm.platform.blocks()) == 2


async def test_new_times_are_queued_and_applied_later(crm: Crm) -> None:
    one, two = crm.book(at(9)), crm.book(at(10))
    answer = await crm.send_times((one, at(14)), (two, at(15)), StatusWebhookURL="")
    assert answer.status_code == 200
    assert answer.json() == {
        "Status": "Success",
        "Message": {"Id": "5812945", "IsSuccessful": True},
    }
    assert crm.starts() == {one: at(9), two: at(10)}
    assert crm.platform.jobs.waiting == 1
    crm.clock.advance(0.3)
    assert await crm.ids() == [one, two]
    assert crm.starts() == {one: at(14), two: at(15)}
    (row,) = await crm.get(one)
    assert row["ModifiedBy"] == crm.platform.users["integration@example.com"].id
    assert crm.platform.jobs.waiting == 0


async def test_jobs_run_in_order_and_are_dated_at_their_due_time(crm: Crm) -> None:
    id = crm.book(at(9))
    await crm.send_times((id, at(14)))
    await crm.send_times((id, at(15)))
    crm.clock.advance(60)
    (appointment,) = crm.platform.appointments()
    assert appointment.start == at(15)
    assert appointment.updated_at == crm.clock.now() - timedelta(seconds=59.7)


async def test_a_job_skips_deleted_tasks(crm: Crm) -> None:
    gone, id = crm.book(at(9)), crm.book(at(10))
    assert (await crm.send_times(("nobody", at(8)), (gone, at(14)), (id, at(15)))).is_success
    crm.platform.delete(gone)
    crm.clock.advance(1)
    assert crm.starts() == {gone: at(9), id: at(15)}
    assert await crm.get(gone) == []


async def test_a_zero_length_is_accepted_as_in_the_vendors_example(crm: Crm) -> None:
    id = crm.book(at(9))
    row = {"UserTaskId": id, "FromDate": utc_text(at(14)), "ToDate": utc_text(at(14))}
    answer = await crm.client.post("/Task.svc/BulkUpdateAppointmentTime", json={"TaskList": [row]})
    assert answer.is_success
    crm.clock.advance(1)
    (appointment,) = crm.platform.appointments()
    assert appointment.start == appointment.end == at(14)


async def test_a_delete_counts_what_it_deleted(crm: Crm) -> None:
    one, two = await crm.create(at(9)), await crm.create(at(10))
    answer = await crm.client.post(DELETE, json={"TaskIds": [one, two]})
    assert answer.json() == {
        "Status": "Success",
        "Operation": "Bulk Delete Tasks",
        "TasksCount": 2,
        "DeletedTasksCount": 2,
        "FailureReason": None,
    }
    assert [block.deleted for block in crm.platform.blocks()] == [True, True]
    assert await crm.ids() == []


async def test_a_delete_can_be_a_job_too(crm: Crm) -> None:
    crm.platform.deletes_later = True
    id = await crm.create(at(9))
    answer = await crm.client.post(DELETE, json={"TaskIds": [id]})
    assert answer.json()["Message"]["IsSuccessful"] is True
    assert len(await crm.get(id)) == 1
    crm.clock.advance(1)
    assert await crm.get(id) == []


async def test_mark_complete_is_a_get_request_that_writes(crm: Crm) -> None:
    id = crm.book(at(9))
    answer = await crm.client.get(COMPLETE, params={"id": id})
    assert answer.json() == {"Status": "Success", "Message": {"AffectedRows": 1}}
    (appointment,) = crm.platform.appointments()
    assert appointment.status == "showed"
    (row,) = await crm.get(id)
    assert (row["StatusCode"], row["CompletedOn"]) == (1, "2026-03-02 06:00:00.000")


async def test_people_can_take_every_action_of_the_web_application(crm: Crm) -> None:
    outside: PlatformUi = crm.platform
    id = outside.book("Consultation", ALICE, at(9), at(10), crm.lead, title="Check-up")
    assert outside.move(id, at(11), at(12), BOB) == id
    outside.set_status(id, "showed")
    block = outside.block(ALICE, at(13), at(14), "Lunch")
    outside.move_block(block, at(14), at(15))
    (seen,) = outside.appointments()
    assert (seen.start, seen.user, seen.status) == (at(11), BOB, "showed")
    assert (seen.calendar, seen.contact, seen.title) == ("Consultation", crm.lead, "Check-up")
    assert [(b.start, b.user, b.title) for b in outside.blocks()] == [(at(14), ALICE, "Lunch")]
    assert (await crm.get(block))[0]["DueDate"] == f"{utc_text(at(14))}.000"
    outside.remove_block(block)
    outside.delete(id)
    assert [outside.blocks()[0].deleted, outside.appointments()[0].deleted] == [True, True]


async def test_a_cancelled_appointment_stays_listed_with_an_undocumented_code(
    crm: Crm,
) -> None:
    id = crm.book(at(9))
    crm.platform.cancel(id)
    (row,) = (await crm.listing()).json()["List"]
    assert row["StatusCode"] not in {0, 1}
    assert crm.platform.appointments()[0].status == "cancelled"
    crm.platform.set_status(id, "confirmed")
    assert (await crm.get(id))[0]["StatusCode"] == 0


@pytest.mark.parametrize(
    "act",
    [
        lambda p, _: p.cancel("nobody"),
        lambda p, _: p.remove_block("nobody"),
        lambda p, _: p.block("nobody@example.com", at(9), at(10), "x"),
        lambda p, c: p.book("Nothing", ALICE, at(9), at(10), c.lead),
        lambda p, _: p.book("Consultation", ALICE, at(9), at(10), "nobody"),
        lambda p, _: p.delete(p.block(ALICE, at(9), at(10), "Lunch")),
        lambda p, c: p.move_block(c.book(at(9)), at(9), at(10)),
        lambda p, _: p.deactivate("nobody@example.com"),
    ],
)
async def test_an_action_on_an_unknown_id_raises_an_error(
    crm: Crm, act: Callable[..., object]
) -> None:
    with pytest.raises(KeyError, match="no "):
        act(crm.platform, crm)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda p, i: p.set_status(i, "noshow"), "status 'noshow' is not one of"),
        (lambda p, i: p.move(i, at(9).replace(tzinfo=None), at(10)), "no time zone"),
        (lambda p, _: p.block(ALICE, at(9), at(10), "x", "Consultation"), "has the type Busy"),
    ],
)
async def test_invalid_values_raise_an_error(
    crm: Crm, act: Callable[..., object], words: str
) -> None:
    id = crm.book(at(9))
    with pytest.raises(ValueError, match=words):
        act(crm.platform, id)
