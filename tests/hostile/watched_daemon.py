"""syncd with a clock that can be set, and a measure of how long its event loop was blocked.

``python -m tests.hostile.watched_daemon FILE ARGUMENTS…`` is ``syncd ARGUMENTS…``. The file holds
four numbers that the tests share with it: the longest step of the loop in seconds of processor time
(what the step itself cost, however busy the machine is) and of the wall, which whoever reads them
may set to zero; and how many seconds the wall clock and the monotonic clock of this process are
ahead of the machine's. All of Python is shown those clocks: syncd, its scheduler, the event loop.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import mmap
import struct
import sys
import time
from pathlib import Path

SHAPE = struct.Struct("dddd")
CPU, WALL, CLOCK, MONOTONIC = range(4)
real = dt.datetime


class Shared:
    """The four numbers, in memory that two processes share."""

    def __init__(self, path: Path) -> None:
        """Open a file that is there."""
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), SHAPE.size)

    def __getitem__(self, which: int) -> float:
        """Return one of them."""
        number: float = struct.unpack_from("d", self._memory, which * 8)[0]
        return number

    def __setitem__(self, which: int, number: float) -> None:
        """Set one of them, for both processes."""
        struct.pack_into("d", self._memory, which * 8, number)


class _Like(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, real)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, real)


def shift_clocks(shared: Shared) -> None:
    """Show this process other clocks. To be called before anything imports a clock."""
    machine, monotonic = time.time, time.monotonic

    class Shifted(real, metaclass=_Like):
        """Makes ordinary datetimes, but for the time that it is."""

        def __new__(cls, *args: object, **kwargs: object) -> real:  # type: ignore[misc]
            return real(*args, **kwargs)  # type: ignore[arg-type]

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> real:  # type: ignore[override]
            return real.fromtimestamp(time.time(), tz)

    time.time = lambda: machine() + shared[CLOCK]
    time.monotonic = lambda: monotonic() + shared[MONOTONIC]
    dt.datetime = Shifted  # type: ignore[misc]


def watch_loop(shared: Shared) -> None:
    """Measure every step of every event loop of this process from now on."""
    run, clock = asyncio.Handle._run, time.perf_counter

    def watched(self: asyncio.Handle) -> None:
        cpu, wall = time.thread_time(), clock()
        try:
            run(self)
        finally:
            shared[CPU] = max(shared[CPU], time.thread_time() - cpu)
            shared[WALL] = max(shared[WALL], clock() - wall)

    asyncio.Handle._run = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    numbers = Shared(Path(sys.argv[1]))
    shift_clocks(numbers)
    watch_loop(numbers)
    sys.argv = ["syncd", *sys.argv[2:]]
    from syncd.cli.main import main

    main()
