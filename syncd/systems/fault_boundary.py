"""The boundary to the platforms: whatever is raised inside becomes the fault of one system.

Answers are written by others. No table of bad ones is complete, so the code that receives, unpacks,
decodes and interprets an answer runs inside `contained`, which lets no unexpected exception out.
The text of such an exception may quote the answer; only its type and its place are kept.
"""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from syncd.systems.port import IncompleteReadError, PlatformError, UnreadableError

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
    told: Callable[[Exception], None] = lambda _error: None,
) -> Iterator[None]:
    """Turn each unexpected exception into a fault of this system.

    ``kind`` makes the fault: Incomplete for a read, Ambiguous for a write that may have left.
    Faults and `UnreadableError` pass, and so does what ``through`` names; ``told`` sees the others.
    """
    passing: tuple[type[Exception], ...] = (PlatformError, UnreadableError, *through)
    try:
        yield
    except passing:
        raise
    except Exception as error:  # noqa: BLE001 - what may come is not known, and that is the point
        told(error)
        # Not chained: the frames may hold a request, and with it the secrets.
        raise kind(system, call, detail=cause_of(error)) from None


def bare(error: E) -> E:
    """Take from an exception that is kept the frames through which it came, and its causes.

    They hold the answer and all rows of the read; and where one of them holds the exception, only
    the garbage collector would free them, which may be hours later.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def cause_of(error: BaseException) -> str:
    """Name the type of an exception and the line of syncd that raised it, without its text."""
    places = _places(error)
    ours = [place for place in places if place.startswith("syncd.")] or places
    return f"{type(error).__name__} at {ours[-1]}" if ours else type(error).__name__


def stack_of(error: BaseException) -> str:
    """List the last calls that led to an exception, the innermost first; no values, no text."""
    return " < ".join(reversed(_places(error)[-_FRAMES:]))


def _places(error: BaseException) -> list[str]:
    return [
        f"{frame.f_globals.get('__name__', '?')}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
