"""The surroundings of a simulated day: its folder, its log, and garbage collection."""

from __future__ import annotations

import gc
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

MEMORY = Path("/dev/shm")  # noqa: S108 - a real file without a real disk, where there is one


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """Create a temporary folder for one day, in memory where possible."""
    where = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="syncd-", dir=where) as folder:
        yield Path(folder)


@contextmanager
def captured_log() -> Iterator[io.StringIO]:
    """Capture the program's log before secrets are masked: nothing in it may need masking."""
    log = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        logger_factory=structlog.PrintLoggerFactory(log),
        wrapper_class=structlog.make_filtering_bound_logger(0),
        cache_logger_on_first_use=False,
    )
    try:
        yield log
    finally:
        structlog.configure(**before)


@contextmanager
def rare_garbage_collection() -> Iterator[None]:
    """Run the cycle collector rarely: it finds little in a day, and takes a tenth of it."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
