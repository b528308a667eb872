"""Limit the calls of one command, independent of other calls to the same account.

The limit belongs to the asyncio task that enters it. Only the calls of that task count, repeats
included.
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
    """The call was not sent because the call limit of this task is reached."""

    without_status = "was not sent: the agreed number of calls is used up"


@dataclass(slots=True)
class CallLimit:
    """At most ``maximum`` calls, of which ``reserved`` are kept for the last steps.

    ``cleans_up``: calls are sent although syncd is stopping, because they remove something that
    must not be left behind.
    """

    maximum: int
    used: int = 0
    reserved: int = 0
    cleans_up: bool = False

    @property
    def remaining(self) -> int:
        """The number of calls that may be made now."""
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
    """Count a call that is about to be sent against the task's limit. Raises OverCallLimitError."""
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
