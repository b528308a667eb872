"""The three platforms together, as ASGI applications or on loopback sockets."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from syncd.lab.sandbox.clock import SandboxClock, WallClock
from syncd.lab.sandbox.control import control_app
from syncd.lab.sandbox.ids import alnum_ids, guid_ids
from syncd.lab.sandbox.leadconnector import EmulatedLeadConnector
from syncd.lab.sandbox.leadconnector_v1 import EmulatedLeadConnectorV1
from syncd.lab.sandbox.leadsquared import EmulatedLeadSquared
from syncd.lab.sandbox.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from starlette.types import ASGIApp

    from syncd.lab.sandbox.platform import Platform


class Sandbox:
    """One account on each platform, and the control API.

    ``urls`` maps each system to its base URL as an operator would configure it, and "control" to
    the URL of the control API. It is filled while `serve` runs.
    """

    def __init__(self, clock: SandboxClock | None = None, seed: int | str = 1) -> None:
        """Create three empty accounts. The same seed gives the same ids."""
        self.clock = clock or WallClock()
        self.crm = EmulatedLeadSquared("crm", self.clock, guid_ids(f"{seed} crm"))
        self.clinic = EmulatedLeadConnector("clinic", self.clock, alnum_ids(f"{seed} clinic"))
        self.legacy = EmulatedLeadConnectorV1("legacy", self.clock, alnum_ids(f"{seed} legacy"))
        self.systems: Mapping[
            str, EmulatedLeadSquared | EmulatedLeadConnector | EmulatedLeadConnectorV1
        ] = {
            "crm": self.crm,
            "clinic": self.clinic,
            "legacy": self.legacy,
        }
        self.apps: Mapping[str, ASGIApp] = {**self.systems, "control": control_app(self.systems)}
        self.urls: dict[str, str] = {}

    def base_path(self, system: str) -> str:
        """Return the path at the end of a system's base URL; '' for the control API."""
        platform: Platform | None = self.systems.get(system)
        return platform.base_path if platform else ""

    @asynccontextmanager
    async def serve(
        self, host: str = "127.0.0.1", ports: Sequence[int] = (0, 0, 0, 0)
    ) -> AsyncIterator[Sandbox]:
        """Serve crm, clinic, legacy and control, in this order, on these ports (0: any free port).

        Leaves the signal handlers and logging of the process alone. Raises OSError if a port is in
        use.
        """
        async with serving(list(self.apps.values()), host, ports) as served:
            self.urls = {
                name: url + self.base_path(name)
                for name, url in zip(self.apps, served, strict=True)
            }
            yield self
        self.urls = {}
