"""Contain unexpected exceptions: an exception in the work on one system affects no other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import DBAPIError

from syncd.store.errors import StateError
from syncd.systems.errors import IncompleteReadError, PlatformError
from syncd.systems.fault_boundary import cause_of, contained, stack_of

log = structlog.get_logger(__name__)

STATE_ERRORS: tuple[type[Exception], ...] = (StateError, sqlite3.Error, DBAPIError)
"""The errors of an unusable database; a value that cannot be stored raises other errors."""


@contextmanager
def supervised(
    system: str, doing: str, kind: Callable[..., PlatformError] = IncompleteReadError
) -> Iterator[None]:
    """Turn each unexpected exception in a with block into a fault of this system, and log it.

    ``doing`` names the work for the log and the fault, such as "reading events". ``kind`` is the
    class of the fault. PlatformErrors pass unchanged. Errors of the state pass, too: they are the
    fault of no system, and end the cycle.
    """

    def log_exception(error: Exception) -> None:
        log.error(
            "unexpected exception",
            system=system,
            doing=doing,
            error=cause_of(error),
            calls=stack_of(error),
        )

    with contained(system, doing, kind, through=STATE_ERRORS, on_unexpected=log_exception):
        yield
