"""Measurements of this process and of others."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def peak() -> float:
    """Return the peak memory of this process since the last `lower`, in MB."""
    return _of_memory("VmHWM")


def held() -> float:
    """Return the current memory of this process, in MB."""
    gc.collect()
    return _of_memory("VmRSS")


def _of_memory(what: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    return 0.0


def lower() -> None:
    """Reset the peak."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")


def leave_out_the_platforms() -> None:
    """Exclude the emulated platforms from garbage collection: they are not part of syncd."""
    gc.collect()
    gc.freeze()


def cpu_of(command: Sequence[str], env: Mapping[str, str] | None = None) -> float:
    """Return the CPU seconds of one run of a command, start included. Raise if it fails."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env
    ) as child:
        text = child.stderr.read() if child.stderr else b""
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        message = f"{' '.join(command)} ended with {child.returncode}: {text.decode()[-2000:]}"
        raise RuntimeError(message)
    return used.ru_utime + used.ru_stime
