"""Run a command on a pseudo-terminal and type into it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

_START = (
    "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "from syncd.cli.main import main; main(sys.argv[1:])"
)
"""The process needs its own terminal; otherwise hidden input would go to that of the tests."""

_WITHOUT_INPUT = "import sys; from syncd.cli.main import main; main(sys.argv[1:])"

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class TerminalSession:
    """One command on a terminal: waits for text on the screen, and types."""

    def __init__(
        self,
        home: Path,
        *arguments: str,
        elsewhere: Mapping[str, int | IO[bytes]] | None = None,
        **env: str,
    ) -> None:
        """Start the command; ``elsewhere`` has streams ("stdin", …) outside the terminal."""
        self._master, slave = pty.openpty()
        streams: dict[str, Any] = {"stdin": slave, "stdout": slave, "stderr": slave}
        start = _START if "stdin" not in (elsewhere or {}) else _WITHOUT_INPUT
        self._process = subprocess.Popen(
            [sys.executable, "-c", start, *arguments],
            cwd=home,
            env={**os.environ, "TERM": "dumb", "COLUMNS": "100", **env},
            start_new_session=True,
            **{**streams, **(elsewhere or {})},
        )
        os.close(slave)
        self.screen = self.raw = ""
        self._read = 0

    def expect(self, words: str, seconds: float = 30) -> None:
        """Wait until a text appears on the screen after the text that was waited for before."""
        deadline = time.monotonic() + seconds
        while (found := self.screen.find(words, self._read)) < 0:
            if not self._more(deadline):
                raise AssertionError(f"no {words!r} in:\n{self.screen[self._read :]}")
        self._read = found + len(words)

    @property
    def lines(self) -> list[str]:
        """Return all lines that were shown; a line that was overwritten is there once per state."""
        return re.split(r"[\r\n]+", _COLOUR.sub("", self.raw))

    def type_line(self, text: str) -> None:
        """Type a line."""
        self.press(text + "\n")

    def press(self, keys: str) -> None:
        """Send keys without a final line break."""
        os.write(self._master, keys.encode())

    def answer(self, question: str, text: str = "") -> None:
        """Wait for a question and answer it; an empty line accepts the default."""
        self.expect(question)
        self.type_line(text)

    def wait(self, seconds: float = 30) -> int:
        """Wait until the process ends; return its exit code."""
        deadline = time.monotonic() + seconds
        while self._more(deadline):
            pass
        code = self._process.wait(timeout=5)
        os.close(self._master)
        return code

    def terminate(self) -> None:
        """Send SIGTERM, as a service manager does."""
        self._process.terminate()

    def kill(self) -> None:
        """Kill the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
            os.close(self._master)

    def _more(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        ready, _, _ = select.select([self._master], [], [], max(0, left))
        if not ready:
            return False
        try:
            raw = os.read(self._master, 65536)
        except OSError:  # the other side is closed
            return False
        text = raw.decode(errors="replace")
        self.raw += text
        self.screen += _COLOUR.sub("", text).replace("\r", "")
        return bool(raw)
