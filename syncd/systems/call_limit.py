"""A limit on the calls of one piece of work, whatever else calls the same account meanwhile.

The limit belongs to the task that enters it: its calls are counted where they leave, repeats
included, and no other task's are.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.systems.port import StoppingError

if TYPE_CHECKING:
    from collections.abc import Iterator


class OverCallLimitError(StoppingError):
    """The call was not sent: the calls that this work may make are used up."""

    without_status = "was not sent: the number of calls that was agreed to is reached"


@dataclass(slots=True)
class CallLimit:
    """At most ``maximum`` calls, of which ``reserved`` are kept for what comes last.

    ``ends`` lets calls leave although syncd is told to end: what they undo must not stay.
    """

    maximum: int
    used: int = 0
    reserved: int = 0
    ends: bool = False

    @property
    def left(self) -> int:
        """How many calls may be made now."""
        return max(0, self.maximum - self.reserved - self.used)


_LIMIT: ContextVar[CallLimit | None] = ContextVar("call_limit", default=None)


@contextmanager
def limited(limit: CallLimit) -> Iterator[None]:
    """Count the calls of this task against a limit."""
    token = _LIMIT.set(limit)
    try:
        yield
    finally:
        _LIMIT.reset(token)


def take_call(system: str, call: str) -> None:
    """Count a call that is about to be sent. Raises OverCallLimitError."""
    limit = _LIMIT.get()
    if limit is None:
        return
    if not limit.left:
        raise OverCallLimitError(system, call)
    limit.used += 1


def sends_at_the_end() -> bool:
    """Return whether this task may call although syncd is told to end."""
    limit = _LIMIT.get()
    return limit is not None and limit.ends
