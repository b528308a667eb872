"""Limit the calls that one command may make, independent of other calls to the same account.

Used by `syncd probe`. The limit belongs to the asyncio task that enters `limited`: only calls of
that task count, repeated calls included.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncd.systems.errors import StoppingError

if TYPE_CHECKING:
    from collections.abc import Iterator


class OverCallLimitError(StoppingError):
    """A call was not sent because the task has used up its `CallLimit`."""

    without_status = "was not sent: the call limit of this command is used up"


@dataclass(slots=True)
class CallLimit:
    """At most ``maximum`` calls, of which ``reserved`` are kept for the last steps.

    ``cleans_up``: calls are sent even while syncd is stopping, because they remove something that
    must not be left on the platform.
    """

    maximum: int
    used: int = 0
    reserved: int = 0
    cleans_up: bool = False

    @property
    def remaining(self) -> int:
        """How many calls may still be made now, without the reserved ones."""
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
    """Count a call that is about to be sent; ``call`` is its method and path, for the error.

    Does nothing in a task without a limit. Raises OverCallLimitError.
    """
    limit = _LIMIT.get()
    if limit is None:
        return
    if not limit.remaining:
        raise OverCallLimitError(system, call)
    limit.used += 1


def may_send_while_stopping() -> bool:
    """Return whether this task may send calls although syncd is stopping."""
    limit = _LIMIT.get()
    return limit is not None and limit.cleans_up
