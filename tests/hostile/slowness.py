"""How much time the machine took, so that a busy one is not taken for a slow program.

Linux tells of each thread how long it was ready to run and had to wait for a processor. A change is
carried by turns of two processes, the daemon and the one in which the emulated platforms answer, so
both of their waits are no time of syncd's. Neither is what it costs to emulate the platforms and to
attack. Whoever waits for an answer or a timer is not ready to run: such waits count in full.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SECOND = 1e9


@dataclass(frozen=True)
class Stopwatch:
    """Measures from when it was made; ``pid`` is the daemon."""

    pid: int
    began: float
    lost: float

    @classmethod
    def start(cls, pid: int) -> Stopwatch:
        """Measure from now on."""
        return cls(pid, time.monotonic(), _lost(pid))

    @property
    def wall(self) -> float:
        """Seconds that have passed."""
        return time.monotonic() - self.began

    @property
    def net(self) -> float:
        """The same without what the machine and the emulated platforms took; the wall elsewhere."""
        return max(0.0, self.wall - (_lost(self.pid) - self.lost))


def _lost(pid: int) -> float:
    _, daemon_waited = _schedule(f"{pid}")
    worked, waited = _schedule("self")
    return daemon_waited + waited + worked


def _schedule(process: str) -> tuple[float, float]:
    """Seconds that the main thread of a process has run, and waited while it could have run."""
    with suppress(OSError, ValueError):
        ran, waited, _ = Path(f"/proc/{process}/schedstat").read_text().split()
        return int(ran) / SECOND, int(waited) / SECOND
    return 0.0, 0.0
