"""Open the transport to a v2 location."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.access import CheapRead
from syncd.systems.client import open_client
from syncd.systems.leadconnector.faults import fault_of
from syncd.systems.rate_limiter import RateLimiter
from syncd.systems.redact import Redactor
from syncd.systems.transport import Transport

if TYPE_CHECKING:
    import httpx

    from syncd.model import Clock
    from syncd.systems.facts import FactStore
    from syncd.systems.leadconnector.account import Account
    from syncd.systems.stopping import Stopping

_RATE = (100, 10.0)
"""The documented limit (calls, seconds); trial accounts send a quarter of it in their headers.

See docs/platforms/leadconnector-v2.md#rate-limits.
"""


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
    headers = {"Authorization": f"Bearer {account.token}"}
    return Transport(
        name,
        open_client(account.base_url, headers, transport=network),
        clock,
        RateLimiter(clock, _RATE, facts=facts),
        fault_of,
        redact=Redactor([account.token]),
        cheap=CheapRead(
            "/calendars/", {"locationId": account.location_id}, {"Version": account.version}
        ),
        stopping=stopping,
    )
