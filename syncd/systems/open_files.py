"""How many files this process may have open: each connection to a platform is one.

Under a limit that is too low, connections and imports fail here and there. A platform would then be
taken for silent, a record for unreadable, and a state for one that nobody may write to. So the
limit is raised as far as that is allowed, and what is still too low is refused before anything
begins.
"""

from __future__ import annotations

import errno
import resource

from syncd.systems.client import LIMITS

OTHER_FILES = 40
"""The database and its logs, lock, sockets, the loop, and a module that is being imported."""

_PLENTY = 1024
"""What the limit is raised to: more than syncd ever uses."""


def expect_open_files(accounts: int = 1) -> None:
    """Raise the limit where it is low. Raises OSError (EMFILE) where it stays too low."""
    needed = OTHER_FILES + accounts * (LIMITS.max_connections or 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= max(needed, _PLENTY):
        return
    wanted = max(needed, _PLENTY)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if max(allowed, soft) < needed:
        raise OSError(errno.EMFILE, "Too many open files")
