"""API keys that can read but not write: a setting of each emulated platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.lab.sandbox.faults import Fault, FaultKind

if TYPE_CHECKING:
    from syncd.lab.sandbox.platform import Platform

_WRITES: dict[str, tuple[str, tuple[str, ...]]] = {
    "crm": (r"/Task\.svc/(Create|Update|Bulk|Delete|Mark)", ("POST",)),
    "clinic": ("/calendars/events", ("POST", "PUT", "DELETE")),
    "legacy": ("/appointments", ("POST", "PUT", "DELETE")),
}
"""The calls that write, per platform: path pattern and methods."""


def forbid_writes(platform: Platform, status: int = 401) -> None:
    """Refuse every write: 401 in the platform's form, or another status without a body."""
    kind = FaultKind.UNAUTHORISED if status == 401 else FaultKind.ERROR  # noqa: PLR2004 - HTTP
    path, methods = _WRITES[platform.name]
    for method in methods:
        fault = Fault(kind, path=path, method=method, status=status, spelling="empty")
        platform.faults.add(fault)


def allow_writes(platform: Platform) -> None:
    """Allow writes again, after `forbid_writes`; other faults of the same kinds are cleared too."""
    platform.faults.clear(FaultKind.UNAUTHORISED)
    platform.faults.clear(FaultKind.ERROR)


def writes_forbidden(platform: Platform) -> bool:
    """Return true if every write is refused now."""
    path, methods = _WRITES[platform.name]
    refused = {f.method for f in platform.faults.pending() if f.path == path}
    return refused.issuperset(methods)
