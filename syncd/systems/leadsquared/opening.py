"""Create the transport of a LeadSquared account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.access import CheapRead
from syncd.systems.client import open_client
from syncd.systems.leadsquared.faults import fault_of
from syncd.systems.rate_limiter import RateLimiter
from syncd.systems.redact import Redactor
from syncd.systems.transport import Transport

if TYPE_CHECKING:
    import httpx

    from syncd.model import Clock
    from syncd.systems.facts import FactStore
    from syncd.systems.leadsquared.account import Account
    from syncd.systems.stopping import Stopping


def open_transport(
    name: str,
    account: Account,
    clock: Clock,
    network: httpx.AsyncBaseTransport | None = None,
    facts: FactStore | None = None,
    stopping: Stopping | None = None,
) -> Transport:
    """Create the transport without sending anything; ``network`` replaces the network.

    ``facts`` stores the learned limits of the account.
    """
    keys = {"x-LSQ-AccessKey": account.access_key, "x-LSQ-SecretKey": account.secret_key}
    return Transport(
        name,
        open_client(account.base_url, keys, transport=network),
        clock,
        RateLimiter(clock, (account.calls_per_5s, 5.0), facts=facts),
        fault_of,
        redact=Redactor(keys.values()),
        cheap=CheapRead("Authentication.svc/UserByAccessKey.Get"),
        stopping=stopping,
    )
