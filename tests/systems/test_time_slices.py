"""Long work is done in slices, and other tasks run in between."""

from __future__ import annotations

import asyncio

from syncd.systems.time_slices import SLICE_SIZE, SlicedWork, in_slices

ROWS = range(5_000)
SLICES = 10


async def test_other_tasks_have_a_turn_after_each_slice() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    seen = [row async for batch in in_slices(ROWS) for row in batch]
    task.cancel()
    assert seen == [*ROWS]
    assert turns >= SLICES


async def test_a_short_list_is_one_slice_and_nothing_is_none() -> None:
    assert [batch async for batch in in_slices([1, 2])] == [[1, 2]]
    nothing: list[int] = []
    assert [batch async for batch in in_slices(nothing)] == []


async def test_many_small_pieces_of_work_let_other_tasks_run() -> None:
    had: list[int] = []
    done: list[int] = []

    async def other() -> None:
        while True:
            had.append(len(done))
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    turns = SlicedWork()
    for piece in range(10):
        done.append(piece)
        await turns.after(range(SLICE_SIZE // 4), range(SLICE_SIZE // 4))
    task.cancel()
    assert had == [2, 4, 6, 8, 10]
