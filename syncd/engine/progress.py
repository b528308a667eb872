"""The text of progress: what is being done, and which systems are waited for meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from syncd.systems.stopping import Stopping


@dataclass(slots=True)
class _Waited:
    progress: Callable[[str], None]
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
def with_waits(
    stopping: Stopping, progress: Callable[[str], None]
) -> Iterator[Callable[[str], None]]:
    """Add to each text of progress which systems are waited for, and why."""
    waited, before = _Waited(progress), stopping.on_wait
    stopping.on_wait = waited.wait
    try:
        yield waited.say
    finally:
        stopping.on_wait = before
