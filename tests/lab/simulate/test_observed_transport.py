"""Which writes count as without an effect while other requests are in flight."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import httpx

from syncd.lab.sandbox.faults import Fault, FaultKind
from syncd.lab.simulate.economy import idle_writes
from syncd.lab.simulate.facts import HALF_HOUR
from syncd.lab.simulate.loop import VirtualClock, run_virtually
from syncd.lab.simulate.observed_transport import ObservedTransport
from syncd.lab.simulate.scenario import draw_scenario
from syncd.lab.simulate.world import World


def world() -> World:
    return World(VirtualClock(draw_scenario(1).start), 1)


def asked(method: str, place: World, path: str, **body: object) -> httpx.Request:
    return httpx.Request(
        method,
        f"http://127.0.0.1{path}",
        headers={"Authorization": f"Bearer {place.sandbox.clinic.token}", "Version": "2021-07-28"},
        json=body or None,
    )


def _block(place: World) -> tuple[str, dict[str, object]]:
    start = place.clock.now() + timedelta(days=1)
    user = place.seeded.seed_users["clinic", "bob"].user
    block = place.sandbox.clinic.block(user, start, start + HALF_HOUR, "Closed")
    place.observe("clinic", by_hand=True)
    times = {"startTime": start.isoformat(), "endTime": (start + HALF_HOUR).isoformat()}
    return f"/calendars/events/block-slots/{block}", {"title": "Closed", **times}


def test_a_write_that_changes_nothing_has_no_effect() -> None:
    async def scene() -> list[str]:
        place = world()
        path, same = _block(place)
        location = place.sandbox.clinic.location_id
        request = asked("PUT", place, path, **same, locationId=location)
        answer = await ObservedTransport(place, "clinic").handle_async_request(request)
        assert answer.status_code == 201
        return [*idle_writes(place)]

    (line,) = run_virtually(scene())
    assert line.startswith("2: a write without an effect: clinic PUT /calendars/events/block-slots")


def test_a_read_during_a_cancelled_write_counts_as_no_write() -> None:
    """The write waits at a slow platform until its sender cancels it (seed 50019)."""

    async def scene() -> list[str]:
        place = world()
        path, same = _block(place)
        slow = Fault(FaultKind.SLOW, path=path, seconds=100)
        place.sandbox.clinic.faults.add(slow)
        transport = ObservedTransport(place, "clinic")
        written = asyncio.create_task(
            transport.handle_async_request(asked("PUT", place, path, **same))
        )
        await asyncio.sleep(10)
        location = f"?locationId={place.sandbox.clinic.location_id}"
        answer = await transport.handle_async_request(asked("GET", place, f"/calendars/{location}"))
        assert answer.status_code == 200
        written.cancel()
        with suppress(asyncio.CancelledError):
            await written
        return [*idle_writes(place)]

    assert not run_virtually(scene())
