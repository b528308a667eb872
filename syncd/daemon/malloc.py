"""Return large blocks of memory to the operating system as soon as they are free."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_MMAP_THRESHOLD = -3
"""`M_MMAP_THRESHOLD` of glibc's malloc.h."""

_LARGE = 1024 * 1024


def return_large_blocks() -> None:
    """Make glibc allocate each block of 1 MiB or more with its own mmap.

    By default glibc raises that threshold up to 32 MiB after a large block is freed. Response
    bodies then fragment the heap, and the process grows with each of them.
    """
    with suppress(OSError, AttributeError):  # other C libraries
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
