"""What is around a simulated day: its folder, its log, and the collector of garbage."""

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
    """A folder of its own, which ends with the day."""
    where = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="syncd-", dir=where) as folder:
        yield Path(folder)


@contextmanager
def kept_log() -> Iterator[io.StringIO]:
    """Keep the program's log, unmasked: what is masked only on the way out is not discreet."""
    kept = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        logger_factory=structlog.PrintLoggerFactory(kept),
        wrapper_class=structlog.make_filtering_bound_logger(0),
        cache_logger_on_first_use=False,
    )
    try:
        yield kept
    finally:
        structlog.configure(**before)


@contextmanager
def rare_garbage_collection() -> Iterator[None]:
    """Look for garbage in cycles rarely: a day makes little, and looking takes a tenth of it."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
