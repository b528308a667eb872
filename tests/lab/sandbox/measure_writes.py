"""Measure over HTTP which other fields an update changes on each emulated platform."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from syncd.lab.sandbox.scenario import ZONE
from syncd.model.platform_facts import PlatformKind
from tests.lab.sandbox.seeded_accounts import NINE, TEN, Accounts, Json, iso, yes_or_no

MOVES, STATUSES = "moves_change_only_time", "status_changes_only_status"


async def move(accounts: Accounts) -> str:
    return yes_or_no("notes" not in await accounts.update(accounts.book("clinic")))


async def status(accounts: Accounts) -> str:
    id = accounts.book("clinic")
    return yes_or_no("notes" not in await accounts.update(id, NINE, appointmentStatus="cancelled"))


async def _old(accounts: Accounts, id: str) -> Json:
    row: Json = (await accounts.legacy.get(f"/appointments/{id}")).json()
    return row


async def old_move(accounts: Accounts) -> str:
    id = accounts.book("legacy")
    moved = {"selectedTimezone": ZONE, "selectedSlot": iso(TEN)}
    assert (await accounts.legacy.put(f"/appointments/{id}", json=moved)).is_success
    return yes_or_no(not (await _old(accounts, id))["notes"])


async def old_status(accounts: Accounts) -> str:
    id = accounts.book("legacy")
    answer = await accounts.legacy.put(f"/appointments/{id}/status", json={"status": "cancelled"})
    assert answer.is_success
    return yes_or_no(not (await _old(accounts, id))["notes"])


async def _task(accounts: Accounts, id: str) -> Json:
    row: Json
    (row,) = (await accounts.crm.get("Task.svc/Retrieve.GetById", params={"id": id})).json()
    return row


async def task_move(accounts: Accounts) -> str:
    id = accounts.book("crm")
    await accounts.move_tasks(id)
    return yes_or_no(not (await _task(accounts, id))["Location"])


async def task_status(accounts: Accounts) -> str:
    id = accounts.book("crm")
    await accounts.crm.get("Task.svc/MarkComplete", params={"id": id})
    return yes_or_no(not (await _task(accounts, id))["Location"])


_V2, _V1, _LSQ = PlatformKind.V2, PlatformKind.V1, PlatformKind.LEADSQUARED
WRITES: Mapping[tuple[PlatformKind, str], Callable[[Accounts], Awaitable[str]]] = {
    (_V2, MOVES): move,
    (_V2, STATUSES): status,
    (_V1, MOVES): old_move,
    (_V1, STATUSES): old_status,
    (_LSQ, MOVES): task_move,
    (_LSQ, STATUSES): task_status,
}
"""Functions that measure each fact from the platform's answers."""
