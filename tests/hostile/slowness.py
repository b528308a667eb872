"""Measure the time that the machine took, so that a busy one does not look like a slow program.

Linux reports for each thread how long it was ready to run and waited for a processor. A change is
carried by two processes in turn, the daemon and the one with the emulated platforms, so the waits
of both are not syncd's time. Nor is the cost of the emulation and the attack. A thread that waits
for an answer or a timer is not ready to run: such waits count in full.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SECOND = 1e9


@dataclass(frozen=True)
class Stopwatch:
    """Measures time from its creation; ``pid`` is the daemon."""

    pid: int
    began: float
    lost: float

    @classmethod
    def start(cls, pid: int) -> Stopwatch:
        """Start the measurement anew."""
        return cls(pid, time.monotonic(), _lost(pid))

    @property
    def wall(self) -> float:
        """Return the wall seconds since the start."""
        return time.monotonic() - self.began

    @property
    def net(self) -> float:
        """Return the wall seconds without those of the machine and the platforms.

        Where these cannot be measured, return the wall seconds.
        """
        return max(0.0, self.wall - (_lost(self.pid) - self.lost))


def _lost(pid: int) -> float:
    _, daemon_waited = _schedule(f"{pid}")
    worked, waited = _schedule("self")
    return daemon_waited + waited + worked


def _schedule(process: str) -> tuple[float, float]:
    """Return the seconds that the main thread ran, and that it waited while ready to run."""
    with suppress(OSError, ValueError):
        ran, waited, _ = Path(f"/proc/{process}/schedstat").read_text().split()
        return int(ran) / SECOND, int(waited) / SECOND
    return 0.0, 0.0
