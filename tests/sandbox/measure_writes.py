"""Find out over HTTP what the updates of each emulated platform change besides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from syncd.model.platform_facts import PlatformKind
from syncd.sandbox.scenario import ZONE
from tests.sandbox.seeded_accounts import NINE, TEN, Json, SeededAccounts, iso, yes_or_no

MOVES, STATUSES = "moves_change_only_time", "status_changes_only_status"


async def move(desk: SeededAccounts) -> str:
    return yes_or_no("notes" not in await desk.update(desk.book("clinic")))


async def status(desk: SeededAccounts) -> str:
    id = desk.book("clinic")
    return yes_or_no("notes" not in await desk.update(id, NINE, appointmentStatus="cancelled"))


async def _old(desk: SeededAccounts, id: str) -> Json:
    row: Json = (await desk.legacy.get(f"/appointments/{id}")).json()
    return row


async def old_move(desk: SeededAccounts) -> str:
    id = desk.book("legacy")
    moved = {"selectedTimezone": ZONE, "selectedSlot": iso(TEN)}
    assert (await desk.legacy.put(f"/appointments/{id}", json=moved)).is_success
    return yes_or_no(not (await _old(desk, id))["notes"])


async def old_status(desk: SeededAccounts) -> str:
    id = desk.book("legacy")
    answer = await desk.legacy.put(f"/appointments/{id}/status", json={"status": "cancelled"})
    assert answer.is_success
    return yes_or_no(not (await _old(desk, id))["notes"])


async def _task(desk: SeededAccounts, id: str) -> Json:
    row: Json
    (row,) = (await desk.crm.get("Task.svc/Retrieve.GetById", params={"id": id})).json()
    return row


async def task_move(desk: SeededAccounts) -> str:
    id = desk.book("crm")
    await desk.move_tasks(id)
    return yes_or_no(not (await _task(desk, id))["Location"])


async def task_status(desk: SeededAccounts) -> str:
    id = desk.book("crm")
    await desk.crm.get("Task.svc/MarkComplete", params={"id": id})
    return yes_or_no(not (await _task(desk, id))["Location"])


_V2, _V1, _LSQ = PlatformKind.V2, PlatformKind.V1, PlatformKind.LEADSQUARED
WRITES: Mapping[tuple[PlatformKind, str], Callable[[SeededAccounts], Awaitable[str]]] = {
    (_V2, MOVES): move,
    (_V2, STATUSES): status,
    (_V1, MOVES): old_move,
    (_V1, STATUSES): old_status,
    (_LSQ, MOVES): task_move,
    (_LSQ, STATUSES): task_status,
}
"""What finds out each fact by what the platform answers."""
