"""Notify systemd (sd_notify): ready, reloading, stopping, a status line, and the watchdog.

The protocol is a datagram of ``KEY=value`` lines to ``$NOTIFY_SOCKET`` (sd_notify(3)): too little
for a library.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress


class Notifier:
    """Sends notifications to systemd; does nothing if systemd did not start this process."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Read address and watchdog from ``env``; ``watchdog``: seconds between two pings."""
        address = env.get("NOTIFY_SOCKET", "")
        # An @ at the start stands for the zero byte of an abstract socket.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        micros = env.get("WATCHDOG_USEC", "")
        self.watchdog = int(micros) / 1e6 / 2 if micros.isdigit() and int(micros) else None

    def ready(self) -> None:
        """Notify that the control socket is open and the first resync has begun."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Notify that the configuration is being read again, until `ready` is called."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now}")

    def stopping(self) -> None:
        """Notify that the service is stopping."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Ping the watchdog."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Show one line in `systemctl status`."""
        self._send("STATUS=" + text.replace("\n", " "))

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # Syncing goes on if systemd does not listen.
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.setblocking(False)  # a full socket must not block the event loop
            out.sendto(message.encode(), self._address)
