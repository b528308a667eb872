"""Each system's work is supervised on its own: an unexpected exception in it is its fault only."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import DBAPIError

from syncd.store.errors import StateError
from syncd.systems.fault_boundary import cause_of, contained, stack_of
from syncd.systems.port import IncompleteReadError, PlatformError

log = structlog.get_logger(__name__)

STATE_ERRORS: tuple[type[Exception], ...] = (StateError, sqlite3.Error, DBAPIError)
"""What a state that cannot be used raises. A value that it cannot hold is no fault of the state."""


@contextmanager
def supervised(
    system: str, doing: str, kind: Callable[..., PlatformError] = IncompleteReadError
) -> Iterator[None]:
    """Turn each unexpected exception into a fault of this system, and log where it was raised.

    What the state raises passes: it is no system's fault, and ends the cycle.
    """

    def told(error: Exception) -> None:
        log.error(
            "unexpected exception",
            system=system,
            doing=doing,
            error=cause_of(error),
            calls=stack_of(error),
        )

    with contained(system, doing, kind, through=STATE_ERRORS, on_unexpected=told):
        yield
