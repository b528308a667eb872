"""The stopwatch of the attacks leaves out the machine's time, and counts every wait."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.hostile.slowness import Stopwatch


def test_a_wait_counts_in_full() -> None:
    watch = Stopwatch.start(os.getppid())
    time.sleep(0.3)
    assert watch.wall >= 0.3
    assert watch.net > 0.3 - 2 * (watch.wall - 0.3) - 0.1


@pytest.mark.parametrize("pid", [os.getppid(), 2**22 + 1], ids=["alive", "gone"])
def test_the_cost_of_the_emulated_platforms_is_left_out(pid: int) -> None:
    watch = Stopwatch.start(pid)
    while watch.wall < 0.3:
        pass
    if Path("/proc/self/schedstat").exists():
        assert watch.net < 0.2
    else:
        assert watch.net >= 0.3
