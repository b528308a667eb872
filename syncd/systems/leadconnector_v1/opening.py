"""Open the transport to a v1 location."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.access import CheapRead
from syncd.systems.client import open_client
from syncd.systems.leadconnector_v1.faults import fault_of
from syncd.systems.rate_limiter import RateLimiter
from syncd.systems.redact import Redactor
from syncd.systems.transport import Transport

if TYPE_CHECKING:
    import httpx

    from syncd.model import Clock
    from syncd.systems.facts import FactStore
    from syncd.systems.leadconnector_v1.account import Account
    from syncd.systems.stopping import Stopping

_RATE = (100, 10.0)
"""The documented limit (calls, seconds; docs/platforms/leadconnector-v1.md#rate-limits)."""


def open_transport(
    name: str,
    account: Account,
    clock: Clock,
    network: httpx.AsyncBaseTransport | None = None,
    facts: FactStore | None = None,
    stopping: Stopping | None = None,
) -> Transport:
    """Create the transport without sending anything. ``network`` replaces the network.

    ``facts`` stores the learned limits of the account.
    """
    headers = {"Authorization": f"Bearer {account.api_key}"}
    return Transport(
        name,
        open_client(account.base_url, headers, transport=network),
        clock,
        RateLimiter(clock, _RATE, facts=facts),
        fault_of,
        redact=Redactor([account.api_key]),
        cheap=CheapRead("locations/"),
        stopping=stopping,
    )
