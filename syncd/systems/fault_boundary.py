"""The boundary to the platforms: any exception inside becomes a fault of one system.

A platform may send anything. No list of bad responses is complete, so the code that receives,
decompresses, decodes and interprets a response runs inside `contained`, which lets no unexpected
exception out. The text of such an exception may quote the body, so only its type and its place in
the code are kept.
"""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from syncd.systems.errors import IncompleteReadError, PlatformError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

E = TypeVar("E", bound=BaseException)

_FRAMES = 15


@contextmanager
def contained(
    system: str,
    call: str,
    kind: Callable[..., PlatformError] = IncompleteReadError,
    *,
    through: tuple[type[Exception], ...] = (),
    on_unexpected: Callable[[Exception], None] = lambda _error: None,
) -> Iterator[None]:
    """Turn each unexpected exception inside the block into a fault of this system.

    ``kind`` creates the fault: IncompleteReadError for a read, UnknownOutcomeError for a write that
    may have been sent. PlatformError, UnreadableError and the types in ``through`` pass unchanged;
    ``on_unexpected`` is called with each other exception.
    """
    passing: tuple[type[Exception], ...] = (PlatformError, UnreadableError, *through)
    try:
        yield
    except passing:
        raise
    except Exception as error:  # noqa: BLE001 - an odd answer may raise anything
        on_unexpected(error)
        # Not chained: the frames may hold a request with its secrets.
        raise kind(system, call, detail=cause_of(error)) from None


def strip_traceback(error: E) -> E:
    """Remove traceback, context and cause from an exception that is kept; return the exception.

    Their frames hold the body and all rows of the read. If one of the frames holds the exception,
    only the garbage collector would free them, perhaps hours later.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def cause_of(error: BaseException) -> str:
    """Return the type of an exception and the line of syncd that raised it, without its text."""
    places = _places(error)
    ours = [place for place in places if place.startswith("syncd.")] or places
    return f"{type(error).__name__} at {ours[-1]}" if ours else type(error).__name__


def stack_of(error: BaseException) -> str:
    """Return the last calls that led to an exception, the innermost first, without values."""
    return " < ".join(reversed(_places(error)[-_FRAMES:]))


def _places(error: BaseException) -> list[str]:
    return [
        f"{frame.f_globals.get('__name__', '?')}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
