"""syncd, and beside it how long its event loop was blocked, written to a file of 16 bytes.

``python -m tests.hostile.watched_daemon FILE ARGUMENTS…`` is ``syncd ARGUMENTS…``. The file holds
two numbers: the longest step of the loop in seconds of processor time (what the step itself cost,
however busy the machine is), and in seconds of the wall. Whoever reads them may set them to zero.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import sys
import time
from pathlib import Path

from syncd.cli.main import main

SHAPE = struct.Struct("dd")


def watch(path: Path) -> None:
    """Measure every step of every event loop of this process from now on."""
    path.write_bytes(bytes(SHAPE.size))
    with path.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), SHAPE.size)
    run = asyncio.Handle._run

    def watched(self: asyncio.Handle) -> None:
        cpu, wall = time.thread_time(), time.monotonic()
        try:
            run(self)
        finally:
            cpu, wall = time.thread_time() - cpu, time.monotonic() - wall
            most_cpu, most_wall = SHAPE.unpack_from(shared)
            if cpu > most_cpu or wall > most_wall:
                SHAPE.pack_into(shared, 0, max(cpu, most_cpu), max(wall, most_wall))

    asyncio.Handle._run = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
    sys.argv = ["syncd", *sys.argv[2:]]
    main()
