"""Find the regional LeadSquared host of an account (docs/platforms/leadsquared.md#hosts).

A host that a response names is only shown to the operator. syncd never calls such a host, because
an attacker who could forge the response would then receive the keys.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from syncd.systems.lenient import text
from syncd.systems.port import CheckResult

if TYPE_CHECKING:
    from syncd.systems.leadsquared.wire import Caller

REGIONS = {
    "India (Mumbai)": "api-in21.leadsquared.com",
    "India (Hyderabad)": "api-in22.leadsquared.com",
    "Singapore": "api.leadsquared.com",
    "United States": "api-us11.leadsquared.com",
    "Middle East": "api-me61.leadsquared.com",
    "Ireland": "api-ir31.leadsquared.com",
    "Canada": "api-ca12.leadsquared.com",
}
"""The hosts that the vendor documents, by region."""

_HOST = re.compile(r"\bapi[\w-]*\.leadsquared\.com\b", re.IGNORECASE)


def serving_host(base_url: str, caller: Caller) -> str:
    """Return the host that serves the account of the keys; '' if that is the configured one.

    ``base_url`` is the configured URL. If it is not a LeadSquared host, such as a proxy, the result
    is '' too. Several hosts are joined by commas.
    """
    urls = caller.common_urls
    served_urls = urls.values() if isinstance(urls, dict) else ()
    hosts = {host for url in served_urls if (host := _host(text(url))).startswith("api")}
    own = _host(base_url)
    if not hosts or not own.endswith(".leadsquared.com") or own in hosts:
        return ""
    return ", ".join(sorted(hosts))


def host_named_in(words: str, base_url: str) -> str:
    """Return the other hosts that an error text names, joined by commas; '' if there are none."""
    hosts = {host.lower() for host in _HOST.findall(words)} - {_host(base_url)}
    return ", ".join(sorted(hosts))


def wrong_region(system: str, base_url: str, host: str) -> CheckResult:
    """Return the check result about an account that another host serves."""
    return CheckResult(
        "error",
        system,
        f"this account is served by {host}, not by {_host(base_url)}",
        f"set base_url in [systems.{system}] to https://{host}/v2, if you trust that host; "
        "syncd does not call that host by itself",
    )


def _host(url: str) -> str:
    return (urlsplit(url if "//" in url else f"//{url}").hostname or "").lower()
