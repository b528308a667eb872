"""The arguments of a request through the daemon's door: checked, as anybody may send anything."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from syncd.daemon.control_socket import RefusedError
from syncd.engine.agreed_operations import AgreedOperations
from syncd.model import Window, utc
from syncd.model.request_limits import MAX_TEXT, window_error

_KNOWN = frozenset({"from", "to", "provider", "accept", "plan"})


def check_arguments(arguments: Mapping[str, Any], known: frozenset[str] = _KNOWN) -> None:
    """Refuse what would be ignored: a `dry_run` that is not understood would write."""
    unknown = sorted(name for name, said in arguments.items() if said and name not in known)
    if unknown:
        raise RefusedError(
            f"such a request to the daemon takes no {', '.join(unknown)[:200]}",
            "For a dry run: `syncd plan`, which needs no daemon. Otherwise restart the daemon: "
            "it may be of another version than this program.",
        )


def text(arguments: Mapping[str, Any], name: str) -> str | None:
    """Read a text; None where it is left out. Raises RefusedError."""
    said = arguments.get(name)
    if said is None:
        return None
    if not isinstance(said, str):
        raise RefusedError(f"{name} is no text", "Send a name, or leave it out.")
    if len(said) > MAX_TEXT:
        raise RefusedError(f"{name} is too long", f"Send at most {MAX_TEXT} characters.")
    return said


def plan_of(arguments: Mapping[str, Any]) -> AgreedOperations | None:
    """Read the plan that is to be carried out. Raises RefusedError."""
    said = arguments.get("plan")
    if said is None:
        return None
    try:
        name, digest, until = (str(said[key]) for key in ("name", "digest", "until"))
        return AgreedOperations(name[:MAX_TEXT], digest, utc(datetime.fromisoformat(until)))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise RefusedError(
            "the plan is not understood", "Make it again: syncd plan --out FILE."
        ) from None


def window_of(arguments: Mapping[str, Any], now: datetime) -> Window | None:
    """Read the window; None where it is left out. Raises RefusedError."""
    start, end = arguments.get("from"), arguments.get("to")
    if start is None and end is None:
        return None
    try:
        window = Window(
            utc(datetime.fromisoformat(str(start))), utc(datetime.fromisoformat(str(end)))
        )
    except (ValueError, OverflowError):
        raise RefusedError(
            "from and to are no window", "Send both as ISO 8601 times with an offset."
        ) from None
    if fault := window_error(window, now):
        raise RefusedError(fault, "Send a shorter and nearer one.")
    return window


def contacts_of(arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Read the contacts that are to be forgotten, (system, id). Raises RefusedError."""
    said = arguments.get("contacts")
    if not isinstance(said, list) or not all(
        isinstance(each, list) and list(map(type, each)) == [str, str] for each in said
    ):
        raise RefusedError(
            "contacts is no list of pairs", "Send a system and an id of each contact."
        )
    return [(system, contact) for system, contact in said]
