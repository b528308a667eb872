"""What systemd is told (sd_notify): ready, stopping, a line of status, and that we are alive.

The protocol is a datagram of ``KEY=value`` lines to ``$NOTIFY_SOCKET`` (sd_notify(3)); a library
for these lines would be longer than they are.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress


class Notifier:
    """Sends nothing where no service manager listens."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Take the address, and how often the watchdog wants to hear (seconds, None: never)."""
        address = env.get("NOTIFY_SOCKET", "")
        # An abstract socket is spelt with an @ where its name has a zero byte.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        micros = env.get("WATCHDOG_USEC", "")
        self.watchdog = int(micros) / 1e6 / 2 if micros.isdigit() and int(micros) else None

    def ready(self) -> None:
        """The socket is open and the first resync has begun."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A new configuration is being read; `ready` ends that."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now}")

    def stopping(self) -> None:
        """The service is ending."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """The watchdog need not bark."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Show one line in `systemctl status`."""
        self._send("STATUS=" + text.replace("\n", " "))

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # The manager is gone or deaf: no reason to stop syncing.
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.setblocking(False)  # one that does not listen must not stop the event loop
            out.sendto(message.encode(), self._address)
