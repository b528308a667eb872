"""syncd with adjustable clocks, and a measurement of how long its event loop was blocked.

``python -m tests.hostile.watched_daemon FILE ARGUMENTS…`` runs ``syncd ARGUMENTS…``. The tests
share FILE with it. FILE holds four numbers: the longest step of the loop in processor seconds (its
own cost, however busy the machine is) and in wall seconds, which a reader may reset to zero; and
the seconds by which the wall clock and the monotonic clock of this process are ahead of the
machine's. All Python code in the process sees these clocks: syncd, its scheduler, the event loop.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import mmap
import struct
import sys
import threading
import time
import traceback
from pathlib import Path

SHAPE = struct.Struct("dddd")
CPU, WALL, CLOCK, MONOTONIC = range(4)
LONG = 0.15
"""Wall seconds after which a step of the loop is looked at."""
real = dt.datetime


class Shared:
    """Four numbers in memory that two processes share."""

    def __init__(self, path: Path) -> None:
        """Open an existing file."""
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), SHAPE.size)

    def __getitem__(self, which: int) -> float:
        """Return one number."""
        number: float = struct.unpack_from("d", self._memory, which * 8)[0]
        return number

    def __setitem__(self, which: int, number: float) -> None:
        """Set one number, for both processes."""
        struct.pack_into("d", self._memory, which * 8, number)


class _Like(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, real)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, real)


def shift_clocks(shared: Shared) -> None:
    """Shift the clocks of this process. Call it before any other module imports a clock."""
    machine, monotonic = time.time, time.monotonic

    class Shifted(real, metaclass=_Like):
        """A datetime class whose `now` is shifted."""

        def __new__(cls, *args: object, **kwargs: object) -> real:  # type: ignore[misc]
            return real(*args, **kwargs)  # type: ignore[arg-type]

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> real:  # type: ignore[override]
            return real.fromtimestamp(time.time(), tz)

    time.time = lambda: machine() + shared[CLOCK]
    time.monotonic = lambda: monotonic() + shared[MONOTONIC]
    dt.datetime = Shifted  # type: ignore[misc]


def watch_loop(shared: Shared, stacks: Path) -> None:
    """Measure every step of every event loop of this process from now on.

    Where a step took longer than `LONG`, the file ``stacks`` says what the loop did in it, some
    samples before its duration.
    """
    run, clock = asyncio.Handle._run, time.perf_counter
    step: list[float] = [0.0]
    loop_thread = threading.get_ident()

    def watched(self: asyncio.Handle) -> None:
        cpu, wall = time.thread_time(), clock()
        step[0] = wall
        try:
            run(self)
        finally:
            step[0] = 0.0
            cpu, wall = time.thread_time() - cpu, clock() - wall
            shared[CPU] = max(shared[CPU], cpu)
            shared[WALL] = max(shared[WALL], wall)
            if wall > LONG:
                note(f"{wall:.2f} s, {cpu:.2f} s of them working")

    def note(text: str) -> None:
        with stacks.open("a") as file:
            file.write(f"{text}\n")

    def sample() -> None:
        while True:
            pause(LONG / 2)
            began = step[0]
            if began and clock() - began > LONG / 2:
                frames = traceback.extract_stack(sys._current_frames()[loop_thread])
                note(
                    " < ".join(
                        f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames[:7:-1]
                    )
                )

    pause = time.sleep
    asyncio.Handle._run = watched  # type: ignore[method-assign]
    threading.Thread(target=sample, daemon=True).start()


if __name__ == "__main__":
    numbers = Shared(Path(sys.argv[1]))
    shift_clocks(numbers)
    watch_loop(numbers, Path(sys.argv[1]).with_name("stacks"))
    sys.argv = ["syncd", *sys.argv[2:]]
    from syncd.cli.main import main

    main()
