"""Parse and check the arguments of a request to the control socket: any value may arrive."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from syncd.daemon.control_socket import RequestRejectedError
from syncd.engine.writing.approved_operations import ApprovedOperations
from syncd.model import Window, utc
from syncd.model.request_limits import MAX_TEXT, window_error

_KNOWN = frozenset({"from", "to", "provider", "accept", "plan"})


def check_arguments(arguments: Mapping[str, Any], known: frozenset[str] = _KNOWN) -> None:
    """Raise RequestRejectedError for unknown arguments: to ignore `dry_run` would mean to write."""
    unknown = sorted(name for name, value in arguments.items() if value and name not in known)
    if unknown:
        raise RequestRejectedError(
            f"this request does not accept {', '.join(unknown)[:200]}",
            "For a dry run, use `syncd plan`, which needs no daemon. Otherwise restart the daemon: "
            "its version may differ from this program's.",
        )


def text_argument(arguments: Mapping[str, Any], name: str) -> str | None:
    """Return a text argument, or None if the request has none. Raises RequestRejectedError."""
    value = arguments.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise RequestRejectedError(f"{name} is not text", "Send a string, or omit the argument.")
    if len(value) > MAX_TEXT:
        raise RequestRejectedError(f"{name} is too long", f"Send at most {MAX_TEXT} characters.")
    return value


def plan_argument(arguments: Mapping[str, Any]) -> ApprovedOperations | None:
    """Return the plan to apply, or None if the request has none. Raises RequestRejectedError."""
    plan = arguments.get("plan")
    if plan is None:
        return None
    try:
        name, digest, until = (str(plan[key]) for key in ("name", "digest", "until"))
        return ApprovedOperations(name[:MAX_TEXT], digest, utc(datetime.fromisoformat(until)))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise RequestRejectedError(
            "the plan is not valid", "Make a new plan: syncd plan --out FILE."
        ) from None


def window_argument(arguments: Mapping[str, Any], now: datetime) -> Window | None:
    """Return the window between `from` and `to`, or None if absent. Raises RequestRejectedError."""
    start, end = arguments.get("from"), arguments.get("to")
    if start is None and end is None:
        return None
    try:
        window = Window(
            utc(datetime.fromisoformat(str(start))), utc(datetime.fromisoformat(str(end)))
        )
    except (ValueError, OverflowError):
        raise RequestRejectedError(
            "from and to are not a valid window", "Send both as ISO 8601 times with an offset."
        ) from None
    if error := window_error(window, now):
        raise RequestRejectedError(error, "Send a shorter window, closer to now.")
    return window


def contacts_argument(arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the contacts to erase as (system, id). Raises RequestRejectedError."""
    contacts = arguments.get("contacts")
    if not isinstance(contacts, list) or not all(
        isinstance(each, list) and list(map(type, each)) == [str, str] for each in contacts
    ):
        raise RequestRejectedError(
            "contacts is not a list of (system, id) pairs",
            "Send the system and the id of each contact.",
        )
    return [(system, contact) for system, contact in contacts]
