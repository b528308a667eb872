"""A daemon in its own process, limited to 512 MiB where possible, and measured."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from syncd.daemon.client import DaemonError, send_request
from tests.hostile.confined import confine, release
from tests.hostile.watched_daemon import CPU, SHAPE, WALL, Shared


@dataclass(kw_only=True)
class Watched:
    """`syncd run` with its own state; ``manager`` receives its messages to systemd."""

    folder: Path
    daemon: asyncio.subprocess.Process | None = None
    confined: bool = False
    stopping: bool = False
    manager: socket.socket = field(
        default_factory=lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    )

    def __post_init__(self) -> None:
        """Make the file that is shared with the daemon, and listen."""
        (self.folder / "loop").write_bytes(bytes(SHAPE.size))
        self.shared = Shared(self.folder / "loop")
        self.manager.bind(str(self.folder / "notify"))
        self.manager.setblocking(False)

    @property
    def config(self) -> Path:
        """The path of the configuration."""
        return self.folder / "syncd.toml"

    @property
    def state(self) -> Path:
        """The path of the state."""
        return self.folder / "state.db"

    async def launch(self) -> None:
        """Start the daemon."""
        with (self.folder / "log").open("ab") as log:
            self.daemon = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.hostile.watched_daemon", str(self.folder / "loop"),
                "--config", str(self.config), "run",
                stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL,
                env=os.environ | {"NOTIFY_SOCKET": str(self.folder / "notify")},
            )  # fmt: skip
        self.confined = confine(self.daemon.pid)

    async def stop(self) -> float:
        """Stop the daemon as systemd does; return the seconds until it announced its end."""
        assert self.daemon is not None
        if self.daemon.returncode is None:
            self.daemon.send_signal(signal.SIGTERM)
            began = time.monotonic()
            try:
                async with asyncio.timeout(30):
                    await self.daemon.wait()
            except TimeoutError:
                self.daemon.kill()
                await self.daemon.wait()
            return time.monotonic() - began
        return 0.0

    def has_heard(self) -> bool:
        """Return true if the daemon announced to systemd that it is ending."""
        with suppress(BlockingIOError):
            while True:
                self.stopping |= b"STOPPING=1" in self.manager.recv(4096)
        return self.stopping

    async def kill(self) -> None:
        """Kill the daemon."""
        if self.daemon is not None and self.daemon.returncode is None:
            self.daemon.kill()
            await self.daemon.wait()
        release()

    @property
    def alive(self) -> bool:
        """Return true if the daemon runs."""
        return self.daemon is not None and self.daemon.returncode is None

    async def request(self, limit: float = 40.0) -> str:
        """Request a resync; return the error, if any."""
        try:
            async with asyncio.timeout(limit):
                await asyncio.to_thread(send_request, self.state, "resync", {}, lambda _text: None)
        except TimeoutError:
            return f"a resync took longer than {limit:.0f} s"
        except DaemonError as error:
            return f"a resync failed: {error}"
        return ""

    def log(self) -> bytes:
        """Return the whole log."""
        return (self.folder / "log").read_bytes()

    # --- measurements -------------------------------------------------------------------------

    def reset(self) -> None:
        """Start the measurements anew."""
        assert self.daemon is not None
        Path(f"/proc/{self.daemon.pid}/clear_refs").write_text("5")
        self.shared[CPU] = self.shared[WALL] = 0.0

    def memory(self) -> float:
        """Return the daemon's peak memory since the reset, in MB."""
        assert self.daemon is not None
        with suppress(OSError):
            for line in Path(f"/proc/{self.daemon.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) / 1024
        return 0.0

    def blocked(self) -> tuple[float, float]:
        """Return the longest step of its event loop since the reset: CPU and wall seconds."""
        return self.shared[CPU], self.shared[WALL]

    def long_steps(self) -> str:
        """Return what the loop did in its long steps since the start of the daemon, as stacks."""
        file = self.folder / "stacks"
        return file.read_text() if file.exists() else ""

    async def until(self, true: object, seconds: float) -> bool:
        """Wait until a condition holds; return true if it did."""
        assert callable(true)
        ends = time.monotonic() + seconds
        while not true():
            if time.monotonic() > ends or not self.alive:
                return False
            await asyncio.sleep(0.02)
        return True
