"""Give large blocks of memory back to the system as soon as they are free."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_MMAP_THRESHOLD = -3
"""`M_MMAP_THRESHOLD` of glibc's malloc.h."""

_LARGE = 1024 * 1024


def return_large_blocks() -> None:
    """Have the C library map blocks of a MB and more one by one.

    By default glibc raises that bound to 32 MB once a large block was freed. From then on bodies of
    answers lie in the heap between what is kept, and the process grows with each of them.
    """
    with suppress(OSError, AttributeError):  # other C libraries
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
