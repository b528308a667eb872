"""Raise the limit of open files; each connection to a platform is one.

With too low a limit, connections and imports fail at random: a platform would seem unreachable, a
record unreadable, and the state read-only. So the limit is raised as far as allowed, and syncd
refuses to start if that is not enough.
"""

from __future__ import annotations

import errno
import resource

from syncd.systems.client import LIMITS

OTHER_FILES = 40
"""Files besides the connections: database and logs, lock, sockets, event loop, imports."""

_PLENTY = 1024
"""The limit that is aimed for: more than syncd ever uses."""


def expect_open_files(accounts: int = 1) -> None:
    """Raise a low limit of open files. Raises OSError (EMFILE) if it stays too low."""
    needed = OTHER_FILES + accounts * (LIMITS.max_connections or 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= max(needed, _PLENTY):
        return
    target = max(needed, _PLENTY)
    allowed = target if hard == resource.RLIM_INFINITY else min(target, hard)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if max(allowed, soft) < needed:
        raise OSError(errno.EMFILE, "Too many open files")
