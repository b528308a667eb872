"""Which of LeadSquared's regional hosts serves an account (docs/platforms/leadsquared.md#hosts).

A host that an answer names is shown to a person and never followed: whoever could put one there
would be sent the keys.
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
"""The hosts that the vendor names."""

_HOST = re.compile(r"\bapi[\w-]*\.leadsquared\.com\b", re.IGNORECASE)


def elsewhere(base_url: str, caller: Caller) -> str:
    """The host that serves the caller's account; '' if it is the one that was asked.

    Only LeadSquared's own hosts are judged: a proxy in front of one has a name of its own.
    """
    urls = caller.common_urls
    served = urls.values() if isinstance(urls, dict) else ()
    hosts = {host for url in served if (host := _host(text(url))).startswith("api")}
    own = _host(base_url)
    if not hosts or not own.endswith(".leadsquared.com") or own in hosts:
        return ""
    return ", ".join(sorted(hosts))


def named_in(words: str, base_url: str) -> str:
    """The other host that a refusal names; '' where it names none."""
    named = {host.lower() for host in _HOST.findall(words)} - {_host(base_url)}
    return ", ".join(sorted(named))


def wrong_region(system: str, base_url: str, better: str) -> CheckResult:
    """The finding for an account that lives on another host."""
    return CheckResult(
        "error",
        system,
        f"this account lives on {better}, not on {_host(base_url)}",
        f"set base_url of [systems.{system}] to https://{better}/v2, if you trust that host; "
        "syncd does not follow it by itself",
    )


def _host(url: str) -> str:
    return (urlsplit(url if "//" in url else f"//{url}").hostname or "").lower()
