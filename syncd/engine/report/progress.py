"""Progress messages: the current step, and the systems that syncd is waiting for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from syncd.systems.stopping import Stopping

Progress = Callable[[str], None]
"""A callback that shows a progress message to the operator."""


@dataclass(slots=True)
class _WaitingProgress:
    progress: Progress
    _doing: str = ""
    _waits: dict[str, str] = field(default_factory=dict)

    def say(self, text: str) -> None:
        self._doing = text
        self._show()

    def wait(self, system: str, text: str) -> None:
        if text:
            self._waits[system] = text
        elif self._waits.pop(system, None) is None:
            return
        self._show()

    def _show(self) -> None:
        waits = "; ".join(f"{system} {text}" for system, text in sorted(self._waits.items()))
        self.progress(": ".join(filter(None, (self._doing, waits))))


@contextmanager
def with_waits(stopping: Stopping, progress: Progress) -> Iterator[Progress]:
    """Yield a callback that shows each message with the systems that syncd waits for, and why.

    While the block runs, a wait that ``stopping`` announces is shown at once.
    """
    waiting, before = _WaitingProgress(progress), stopping.on_wait
    stopping.on_wait = waiting.wait
    try:
        yield waiting.say
    finally:
        stopping.on_wait = before
