"""`syncd acknowledge`: silence one reported item or double booking until it changes."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from syncd.cli import render, terminal
from syncd.cli.options import ConfigOption, JsonOption, UsageError, settings_of, zone_of
from syncd.config.settings import Settings
from syncd.daemon.client import send_request
from syncd.daemon.lock import StateLock, StateLockedError
from syncd.engine.operator.acknowledge import AcknowledgeError, Entry, entries
from syncd.engine.operator.acknowledge import acknowledge_entry as acknowledge_in
from syncd.model import ConflictKind, Status, Value, in_zone
from syncd.store import Store
from syncd.store.database.files import state_exists

_MAX_NAMED = 3
"""Maximum number of calendars that are named per item; further calendars are counted."""


def acknowledge(
    context: typer.Context,
    item: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", help="An id listed by `syncd acknowledge`, or its first characters."
        ),
    ] = None,
    *,
    undo: bool = typer.Option(False, "--undo", help="Remove the acknowledgement."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Silence one reported item, or a double booking, until it changes.

    An acknowledged item no longer causes exit code 3 (an incomplete list: 4), and is neither shown
    nor alerted. JSON output still contains it. The acknowledgement ends when the reason changes,
    when a meeting of the double booking moves, or when the item disappears and is reported again. A
    held conflict cannot be acknowledged; use `syncd conflicts resolve`. Without ID, list all items
    that can be acknowledged, and those that are acknowledged. If the daemon is running, it makes
    the change. Exit: 0 done, 2 unknown id.
    """
    by = login_name()  # must come before root switches to the owner of the state
    settings = settings_of(context, config, secrets=False)
    if item is None:
        if undo:
            raise UsageError("--undo needs an ID", "`syncd acknowledge` lists the ids.")
        _list(settings, as_json=as_json)
        return
    if not state_exists(settings.syncd.state_path):
        raise UsageError(
            "there is nothing to acknowledge, because there is no state yet",
            "Run `syncd resync` first.",
        )
    entry = _acknowledge(settings, item, by, undo=undo)
    if as_json:
        terminal.print_json(entry)
        return
    change = "is no longer acknowledged" if undo else "is acknowledged until it changes"
    terminal.say(f"{entry['id']} {change}: {_kind(entry)}: {_description(entry, settings)}")


def _acknowledge(settings: Settings, item: str, by: str, *, undo: bool) -> dict[str, Any]:
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="acknowledge"):
            store = Store.open(path)
            try:
                return acknowledge_in(store, item, by, datetime.now(UTC), undo=undo).to_json()
            finally:
                store.close()
    except AcknowledgeError as error:
        raise UsageError(error.reason, error.remedy) from None
    except StateLockedError as holder:
        if holder.role != "daemon":
            raise
    arguments = {"id": item, "by": by, "undo": undo}
    return send_request(path, "acknowledge", arguments, lambda _text: None).result


def _list(settings: Settings, *, as_json: bool) -> None:
    listed: list[Entry] = []
    if state_exists(settings.syncd.state_path):
        store = Store.open(settings.syncd.state_path, write=False)
        listed = entries(store, datetime.now(UTC))
        store.close()
    if as_json:
        terminal.print_json({"items": [entry.to_json() for entry in listed]})
    elif not listed:
        terminal.say("there is nothing to acknowledge")
    else:
        zone = zone_of(settings, None)
        rows = [
            (entry.id, _kind_cell(entry, zone), _description(entry.to_json(), settings))
            for entry in listed
        ]
        terminal.table("reported", ("id", "kind", "description"), rows)


def _kind_cell(entry: Entry, zone: ZoneInfo) -> str:
    kind = _kind(entry.to_json())
    if entry.at is None:
        return kind
    by = f" by {entry.by}" if entry.by else ""
    return f"{kind}\n(acknowledged {render.moment(entry.at, zone)}{by})"


def _kind(entry: Mapping[str, Any]) -> str:
    """Return the kind of an item in plain words; ``entry`` is the item's JSON."""
    # A daemon of an older version sends no meetings.
    double = entry["what"] == ConflictKind.DOUBLE_BOOKED
    return (
        render.conflict(ConflictKind.DOUBLE_BOOKED)
        if double
        else str(entry["what"]).replace("_", " ")
    )


def _description(entry: Mapping[str, Any], settings: Settings) -> str:
    """Describe an item: its provider and system, and its times or its reason."""
    if entry.get("meetings"):
        zone = zone_of(settings, entry["provider"])
        meetings = ", ".join(_meetings(entry["meetings"], zone))
        return f"{entry['provider']}, {meetings} ({zone.key})"
    place = " ".join(filter(None, (entry["system"], entry["event"])))
    calendars = entry.get("calendars") or filter(None, [entry["provider"]])
    # The name of a list may already end with its calendar.
    unnamed = [name for name in calendars if not place.endswith(f" of {name}")]
    named = ", ".join(unnamed[:_MAX_NAMED])
    rest = f" and {len(unnamed) - _MAX_NAMED} more" if len(unnamed) > _MAX_NAMED else ""
    return f"{place}{f' ({named}{rest})' if named else ''}: {entry['reason']}"


def _meetings(meetings: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> Iterator[str]:
    """Yield the time and system of each meeting in order of time; name each day once."""
    existing = sorted((m for m in meetings if m["start"]), key=lambda m: (m["start"], m["system"]))
    day = ""
    for each in existing:
        start, end = (datetime.fromisoformat(each[name]) for name in ("start", "end"))
        text = render.interval(Value(start, end, Status(each["status"])), zone)
        same, day = day, f"{in_zone(start, zone):%a %d %b} "
        yield f"{text.removeprefix(day) if same == day else text} in {each['system']}"
    yield from (f"no event in {m['system']}" for m in meetings if not m["start"])


def login_name() -> str:
    """Return the login name of the user at the terminal; with sudo, of the user who called it."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # the user has no name, as in a container
        return f"user {os.getuid()}"
