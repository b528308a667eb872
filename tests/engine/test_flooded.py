"""Test that a flood of unreadable rows is stored at once and logged in one line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from syncd.core.conflicts.reported import FURTHER, MAX_LISTED
from syncd.model import Changes, Topic
from syncd.store.queries.reported import open_items
from syncd.systems import time_slices
from tests.core.kit import v
from tests.engine.conftest import Rig
from tests.engine.test_unreadable import many

FLOOD = 5 * MAX_LISTED
LONGEST_STEP = 0.2
"""The bound of `tests/hostile/siege.py`, in seconds of CPU time."""


@dataclass
class Steps:
    """Return the longest step of the event loop."""

    longest: float = 0.0


@contextmanager
def steps_measured() -> Iterator[Steps]:
    """Measure every step of the event loop in this context, in seconds of CPU time."""
    run, steps = asyncio.Handle._run, Steps()

    def measured(self: asyncio.Handle) -> None:
        began = time.thread_time()
        try:
            run(self)
        finally:
            steps.longest = max(steps.longest, time.thread_time() - began)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.Handle, "_run", measured)
        yield steps


async def test_a_flood_is_listed_up_to_a_bound_with_one_item_for_the_rest(rig: Rig) -> None:
    rig.a.broken.update(many(rig, MAX_LISTED + 50))
    with capture_logs() as said:
        report = await rig.engine.resync()
    assert report.unreadable == MAX_LISTED + 1
    names = {item.event for item in open_items(rig.store)}
    assert FURTHER in names
    assert len(names) == MAX_LISTED + 1
    lines = [line for line in said if line["event"] == "record reported"]
    assert [line["count"] for line in lines] == [MAX_LISTED + 1]
    with capture_logs() as said:
        await rig.engine.resync()
    assert {item.event for item in open_items(rig.store)} == names
    assert not [line for line in said if line["event"].startswith("record")]
    for event in rig.a.broken:
        rig.a.delete(event)
    await rig.engine.resync()
    assert open_items(rig.store) == []


async def test_known_events_are_reported_before_unknown_rows(rig: Rig) -> None:
    known = many(rig, 3)
    await rig.engine.resync()
    for event in known:
        rig.a.move(event, v(30))
    rig.a.broken.update(many(rig, MAX_LISTED + 50), known)
    await rig.engine.resync()
    assert {*known} <= {item.event for item in open_items(rig.store)}


async def test_other_ids_in_each_read_do_not_make_the_list_grow(rig: Rig) -> None:
    for _ in range(3):
        rig.a.broken.update(many(rig, MAX_LISTED + 1))
        await rig.engine.resync()
    unreadable = [i for i in open_items(rig.store) if i.topic is Topic.UNREADABLE]
    assert len(unreadable) == MAX_LISTED + 1


async def test_records_without_limit_are_stored_in_slices(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 20
    monkeypatch.setattr(time_slices, "SLICE_SIZE", size)
    rig.a.odd = dict.fromkeys(many(rig, 2 * size), "it has no end")
    apply, sizes = rig.store.apply, list[int]()

    def counted(*steps: Changes) -> None:
        sizes.append(sum(len(changes.reported) for changes in steps))
        apply(*steps)

    monkeypatch.setattr(rig.store, "apply", counted)
    await rig.engine.resync()
    assert sum(sizes) == 2 * size
    assert max(sizes) == size


async def test_items_are_stored_before_the_rows_count_as_read(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = rig.a.book("p", v(9))
    rig.a.odd[event] = "it has no end"
    apply, applied = rig.store.apply, list[Changes]()

    def crash_at_the_second(*steps: Changes) -> None:
        for changes in steps:
            stored = {each.system for each in changes.reported}
            stored |= {each.system for each in changes.records}
            if "a" in stored:
                applied.append(changes)
                if len(applied) == 2:
                    raise RuntimeError
        apply(*steps)

    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "apply", crash_at_the_second)
        await rig.engine.resync()
    assert len(applied) >= 2
    await rig.engine.resync()
    assert [item.event for item in open_items(rig.store)] == [event]


@pytest.mark.prove
async def test_a_flood_of_rows_does_not_block_the_loop(rig: Rig) -> None:
    await rig.engine.resync()
    rig.a.broken.update(many(rig, FLOOD))
    with steps_measured() as steps:
        await rig.engine.resync()
        await rig.engine.resync()
    assert steps.longest < LONGEST_STEP
