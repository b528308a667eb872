"""The three platforms together: for ASGI use in one process, or on loopback sockets."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from syncd.sandbox.clock import Clock, RealClock
from syncd.sandbox.control import control_app
from syncd.sandbox.ids import alnum_ids, guid_ids
from syncd.sandbox.leadconnector import LeadConnector
from syncd.sandbox.leadconnector_v1 import LeadConnectorV1
from syncd.sandbox.leadsquared import LeadSquared
from syncd.sandbox.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from starlette.types import ASGIApp

    from syncd.sandbox.platform import Platform


class Sandbox:
    """One account on each platform, and a control API to act as the people who use them.

    ``urls`` holds the base URLs as an operator would configure them, by system name, and that of
    the control API under "control"; it is filled while `serve` runs.
    """

    def __init__(self, clock: Clock | None = None, seed: int | str = 1) -> None:
        """Start three empty accounts; the same seed gives the same ids."""
        self.clock = clock or RealClock()
        self.crm = LeadSquared("crm", self.clock, guid_ids(f"{seed} crm"))
        self.clinic = LeadConnector("clinic", self.clock, alnum_ids(f"{seed} clinic"))
        self.legacy = LeadConnectorV1("legacy", self.clock, alnum_ids(f"{seed} legacy"))
        self.systems: Mapping[str, LeadSquared | LeadConnector | LeadConnectorV1] = {
            "crm": self.crm,
            "clinic": self.clinic,
            "legacy": self.legacy,
        }
        self.apps: Mapping[str, ASGIApp] = {**self.systems, "control": control_app(self.systems)}
        self.urls: dict[str, str] = {}

    def base_path(self, system: str) -> str:
        """What the base URL of a system ends in; empty for the control API."""
        platform: Platform | None = self.systems.get(system)
        return platform.base_path if platform else ""

    @asynccontextmanager
    async def serve(
        self, host: str = "127.0.0.1", ports: Sequence[int] = (0, 0, 0, 0)
    ) -> AsyncIterator[Sandbox]:
        """Serve crm, clinic, legacy and control, in this order, on ports (0: any free one).

        Raises OSError when a port is taken. Signals and logging of the process stay untouched.
        """
        async with serving(list(self.apps.values()), host, ports) as served:
            self.urls = {
                name: url + self.base_path(name)
                for name, url in zip(self.apps, served, strict=True)
            }
            yield self
        self.urls = {}
