"""Each adapter makes every published call over a real socket."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from syncd.accounts import build_systems
from syncd.config.load import load
from syncd.lab.sandbox.platform import Call
from syncd.lab.sandbox.scenario import Clinic, config_text, seed_clinic
from syncd.lab.sandbox.server import Sandbox
from syncd.machine import RealClock
from syncd.model import Action, Event, Kind, Operation, Status, Value, Window
from syncd.systems.lookup_results import Found
from syncd.systems.port import System
from syncd.systems.replies import Done

HOUR = timedelta(hours=1)

CALLS: Mapping[str, set[str]] = {
    "crm": {
        "POST /Task.svc/RetrieveAppointments/ByUserEmailAddress",
        "GET /Task.svc/Retrieve.GetById",
        "POST /Task.svc/Create",
        "POST /Task.svc/BulkUpdateAppointmentTime",
        "POST /Task.svc/DeleteTasks",
        "GET /Task.svc/MarkComplete",
        "GET /Task.svc/RetrieveTaskType",
        "POST /Task.svc/RetrieveAvailableSlots/ByUserEmailAddress",
        "GET /UserManagement.svc/Users.Get",
        "GET /Authentication.svc/UserByAccessKey.Get",
        "GET /LeadManagement.svc/Leads.GetById",
    },
    "clinic": {
        "GET /calendars/",
        "GET /calendars/groups",
        "GET /calendars/{id}",
        "GET /users/",
        "GET /locations/{id}",
        "GET /contacts/{id}",
        "GET /calendars/events",
        "GET /calendars/blocked-slots",
        "GET /calendars/events/appointments/{id}",
        "GET /calendars/{id}/free-slots",
        "PUT /calendars/events/appointments/{id}",
        "POST /calendars/events/block-slots",
        "PUT /calendars/events/block-slots/{id}",
        "DELETE /calendars/events/{id}",
    },
    "legacy": {
        "GET /calendars/teams",
        "GET /calendars/services",
        "GET /appointments/",
        "GET /appointments/{id}",
        "GET /appointments/slots",
        "GET /users/",
        "GET /locations/",
        "POST /appointments/",
        "PUT /appointments/{id}",
        "PUT /appointments/{id}/status",
        "DELETE /appointments/{id}",
    },
}

_ID = re.compile(r"/(?:(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20}|[0-9a-f]{8}-[0-9a-f-]{27}|nowhere)(?=/|$)")


def made(calls: list[Call]) -> set[str]:
    """Return the methods and paths called, without ids."""
    return {f"{call.method} {_ID.sub('/{id}', call.path)}" for call in calls}


async def tour(system: System, world: Clinic, window: Window) -> None:
    """Read everything; create, move and remove a block and an appointment."""
    await system.check()
    snapshot = await system.read(window)
    events = [system.event(row) for row in snapshot.rows]
    meeting = next(e for e in events if e.kind is Kind.APPOINTMENT and e.provider == "alice")
    assert await system.customer(meeting) is not None
    assert isinstance(await system.read_one(meeting.ref, meeting.value), Found)
    await system.free_slots("alice", window)
    start = world.at(1, 11, 30)
    block = await write(system, Action.CREATE_BLOCK, None, Value(start, start + HOUR))
    later = Value(start + HOUR, start + 2 * HOUR)
    moved = Event(system.name, "alice", block, Kind.BLOCK, Value(start, start + HOUR))
    await write(system, Action.MOVE_BLOCK, moved, later)
    await write(system, Action.REMOVE_BLOCK, moved, None)
    await write(system, Action.MOVE_APPOINTMENT, meeting, later)
    if Status.SHOWED in system.capabilities.statuses:
        shown = Value(*later.interval, Status.SHOWED)
        await write(system, Action.SET_STATUS, meeting, shown)


async def write(system: System, action: Action, target: Event | None, after: Value | None) -> str:
    """Carry out one operation on Alice's calendar; return the event's id."""
    kind = (
        Kind.APPOINTMENT if action in {Action.MOVE_APPOINTMENT, Action.SET_STATUS} else Kind.BLOCK
    )
    operation = Operation(
        action,
        system.name,
        "alice",
        kind,
        target.id if target else None,
        target.value if target else None,
        after,
        key="abcdefg234",
    )
    reply = await system.write([operation])
    return reply.events[0][0] if isinstance(reply, Done) else ""


async def test_every_call_of_every_adapter_is_made_over_a_real_socket(tmp_path: Path) -> None:
    sandbox = Sandbox()
    sandbox.crm.limit = None
    world = seed_clinic(sandbox, datetime.now(UTC))
    for name in sandbox.systems:
        world.book(name, "alice", world.at(1, 11))
    async with sandbox.serve():
        path = tmp_path / "syncd.toml"
        text = config_text(world, "state.db").replace("calls_per_5s = 25", "calls_per_5s = 100")
        # A calendar that the list does not name is asked for by its id.
        clinic = world.seed_users["clinic", "carol"].calendar
        text = text.replace(f'"{clinic}"', f'"{clinic}", "nowhere"')
        # And a team is looked up where one is named.
        user, team = world.seed_users["legacy", "carol"].user, next(iter(sandbox.legacy.groups))
        path.write_text(text.replace(f'user = "{user}"', f'user = "{user}", team = "{team}"'))
        systems = build_systems(load(path, {}), RealClock())
        window = Window(world.at(0, 0), world.at(5, 0))
        for system in systems.values():
            await tour(system, world, window)
        for system in systems.values():
            await system.aclose()
    for name, platform in sandbox.systems.items():
        assert made(platform.calls) == CALLS[name], name
        assert all(call.status < 300 for call in platform.calls if "nowhere" not in call.path)


async def test_a_v1_hold_is_booked_moved_and_cancelled(tmp_path: Path) -> None:
    sandbox = Sandbox()
    world = seed_clinic(sandbox, datetime.now(UTC), empty=True)
    hold = 'blocks = "hold"\nhold_email = "busy@example.com"\ntype = "leadconnector-v1"'
    async with sandbox.serve():
        path = tmp_path / "syncd.toml"
        path.write_text(config_text(world, "state.db").replace('type = "leadconnector-v1"', hold))
        legacy = build_systems(load(path, {}), RealClock())["legacy"]
        start = world.at(1, 10)
        value = Value(start, start + timedelta(minutes=30))
        event = await write(legacy, Action.CREATE_BLOCK, None, value)
        target = Event("legacy", "alice", event, Kind.BLOCK, value)
        await write(legacy, Action.MOVE_BLOCK, target, Value(start + HOUR, start + 1.5 * HOUR))
        await write(legacy, Action.REMOVE_BLOCK, target, None)
        await legacy.aclose()
    (held,) = sandbox.legacy.appointments()
    assert (held.start, held.status, held.deleted) == (start + HOUR, "cancelled", False)
