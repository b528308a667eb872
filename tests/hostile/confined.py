"""Limit a daemon to 512 MiB, as `MemoryMax=512M` in the unit does, where that is possible."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MOST = 512 * 1024 * 1024
SAFE = 4 * 1024 * 1024 * 1024
"""The limit on address space without a cgroup. It proves no bound, but protects the machine."""


def _groups() -> list[tuple[Path, str]]:
    """Return the cgroup for the daemons of this process and its limit file (cgroup v1 or v2)."""
    name = f"syncd-hostile-{os.getpid()}"
    return [
        (CGROUPS / "memory" / name, "memory.limit_in_bytes"),
        (CGROUPS / name, "memory.max"),
    ]


def confine(pid: int) -> bool:
    """Limit the memory of a process; return true if the kernel kills it at 512 MiB."""
    for number, (group, limit) in enumerate(_groups()):
        place = group / str(pid) if number == 0 else group
        with suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            (place / limit).write_text(str(MOST))
            (place / "cgroup.procs").write_text(str(pid))
            return True
    with suppress(OSError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_AS, (SAFE, SAFE))
    return False


def release() -> None:
    """Remove the cgroups of daemons that have ended."""
    for group, _ in _groups():
        for place in (*group.glob("[0-9]*"), group):
            with suppress(OSError):
                place.rmdir()
