"""A stored fault says what failed, and holds neither the body nor the rows of its answer."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import pytest

from syncd.app import build
from syncd.config.load import load
from syncd.lab.sandbox.scenario import SYSTEM_NAMES
from syncd.systems.sizes import MAX_ROWS
from tests.hostile.fuzz_targets import scene
from tests.hostile.fuzzed import Spoiled

LISTS = ("List", "events", "appointments")


@dataclass(frozen=True)
class ComputedBody(Spoiled):
    """A body that a function computes from the true one."""

    make: Callable[[bytes], bytes] = bytes

    def body(self, true: bytes) -> bytes:
        return self.make(true)


def _rows(true: bytes, rows: list[object]) -> bytes:
    tree = json.loads(true)
    if isinstance(tree, dict):
        tree |= {name: rows for name in LISTS if name in tree}
    return json.dumps(tree).encode()


def _unreadable(true: bytes) -> bytes:
    times = ("startTime", "endTime", "DueDate", "EndDate")
    tree = json.loads(true)
    for name in LISTS if isinstance(tree, dict) else ():
        tree[name] = [r | dict.fromkeys(r.keys() & times, "soon") for r in tree.get(name, ())]
    return json.dumps(tree).encode()


ODD = {
    "no JSON": ComputedBody(make=lambda _: b"<p>Down</p>"),
    "an error page": ComputedBody(status=500, make=lambda _: b"x" * 100_000),
    "a refusal": ComputedBody(status=400, make=lambda _: b"x" * 100_000),
    "too many rows": ComputedBody(make=lambda true: _rows(true, [{}] * (MAX_ROWS + 1))),
    "rows of another type": ComputedBody(make=lambda true: _rows(true, ["x", 1, None])),
    "unreadable rows": ComputedBody(make=_unreadable),
}


@contextmanager
def _without_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def _frames_left() -> list[str]:
    """Return the places of syncd's frames that only the garbage collector can free."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    found = [each.f_code for each in gc.garbage if isinstance(each, FrameType)]
    return [f"{c.co_filename}:{c.co_name}" for c in found if "/syncd/" in c.co_filename]


@pytest.mark.prove
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
async def test_a_failed_read_leaves_no_stack_frame_in_memory(odd: ComputedBody) -> None:
    with scene() as place:
        app = build(load(place.path, {}), clock=place.clock, transports=place.ways)
        try:
            assert (await app.engine.resync()).converged
            for system in SYSTEM_NAMES:
                place.spoil(system, odd)
            with _without_collection():
                await app.engine.poll(near=False)
                assert _frames_left() == []
        finally:
            await app.aclose()
