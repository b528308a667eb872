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
from syncd.daemon.lock import StateHeldError, StateLock
from syncd.engine.acknowledge import AcknowledgeError, Entry, entries
from syncd.engine.acknowledge import acknowledge as carry_out
from syncd.model import ConflictKind, Status, Value, in_zone
from syncd.store import Store
from syncd.store.files import state_exists

_MOST_NAMED = 3
"""So many calendars of an item are named; the rest is counted."""


def acknowledge(
    context: typer.Context,
    item: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="An id that `syncd acknowledge` lists, or its begin."),
    ] = None,
    *,
    undo: bool = typer.Option(False, "--undo", help="Take the acknowledgement back."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Silence one reported item, or a double booking, until it changes.

    It makes no exit code 3 (an incomplete list: 4) any more, and is neither shown nor alerted; JSON
    still has it. It counts again as soon as its reason or, of a double booking, a time changes, and
    when it comes back after it was gone. A held conflict cannot be acknowledged: it waits for
    `syncd conflicts resolve`. Without ID: list what can be acknowledged, and what is. While the
    daemon runs, the daemon does it. Exit: 0 done, 2 there is no such id.
    """
    by = login_name()  # before root becomes the owner of the state
    settings = settings_of(context, config, secrets=False)
    if item is None:
        if undo:
            raise UsageError("--undo needs an ID", "`syncd acknowledge` lists them.")
        _list(settings, as_json=as_json)
        return
    if not state_exists(settings.syncd.state_path):
        raise UsageError("nothing is reported: there is no state yet", "Run `syncd resync` first.")
    done = _carry_out(settings, item, by, undo=undo)
    if as_json:
        terminal.print_json(done)
        return
    what = "counts again" if undo else "is acknowledged until it changes"
    terminal.say(f"{done['id']} {what}: {_kind(done)}: {_about(done, settings)}")


def _carry_out(settings: Settings, item: str, by: str, *, undo: bool) -> dict[str, Any]:
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="acknowledge"):
            store = Store.open(path)
            try:
                return carry_out(store, item, by, datetime.now(UTC), undo=undo).to_json()
            finally:
                store.close()
    except AcknowledgeError as cannot:
        raise UsageError(cannot.reason, cannot.remedy) from None
    except StateHeldError as held:
        if held.role != "daemon":
            raise
    arguments = {"id": item, "by": by, "undo": undo}
    return send_request(path, "acknowledge", arguments, lambda _text: None).result


def _list(settings: Settings, *, as_json: bool) -> None:
    found: list[Entry] = []
    if state_exists(settings.syncd.state_path):
        store = Store.open(settings.syncd.state_path, write=False)
        found = entries(store, datetime.now(UTC))
        store.close()
    if as_json:
        terminal.print_json({"items": [entry.to_json() for entry in found]})
    elif not found:
        terminal.say("nothing is reported")
    else:
        zone = zone_of(settings, None)
        rows = [
            (entry.id, _what(entry, zone), _about(entry.to_json(), settings)) for entry in found
        ]
        terminal.table("reported", ("id", "what", "about"), rows)


def _what(entry: Entry, zone: ZoneInfo) -> str:
    what = _kind(entry.to_json())
    if entry.at is None:
        return what
    return f"{what}\n(acknowledged {render.moment(entry.at, zone)} {entry.by})"


def _kind(told: Mapping[str, Any]) -> str:
    """What it is, in words: ``told`` is an entry's JSON."""
    # A daemon of an older version sends no meetings.
    double = told["what"] == ConflictKind.DOUBLE_BOOKED
    return (
        render.conflict(ConflictKind.DOUBLE_BOOKED)
        if double
        else str(told["what"]).replace("_", " ")
    )


def _about(told: Mapping[str, Any], settings: Settings) -> str:
    """Say whose it is, where, and when or why."""
    if told.get("meetings"):
        zone = zone_of(settings, told["provider"])
        meetings = ", ".join(_meetings(told["meetings"], zone))
        return f"{told['provider']}, {meetings} ({zone.key})"
    place = " ".join(filter(None, (told["system"], told["event"])))
    calendars = told.get("calendars") or filter(None, [told["provider"]])
    # The name of a list may end with its calendar.
    whose = [name for name in calendars if not place.endswith(f" of {name}")]
    named = ", ".join(whose[:_MOST_NAMED])
    rest = f" and {len(whose) - _MOST_NAMED} more" if len(whose) > _MOST_NAMED else ""
    return f"{place}{f' ({named}{rest})' if named else ''}: {told['reason']}"


def _meetings(meetings: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> Iterator[str]:
    """Say when each meeting is and where, by time; a day is named once."""
    known = sorted((m for m in meetings if m["start"]), key=lambda m: (m["start"], m["system"]))
    day = ""
    for each in known:
        start, end = (datetime.fromisoformat(each[name]) for name in ("start", "end"))
        text = render.interval(Value(start, end, Status(each["status"])), zone)
        same, day = day, f"{in_zone(start, zone):%a %d %b} "
        yield f"{text.removeprefix(day) if same == day else text} in {each['system']}"
    yield from (f"not there in {m['system']}" for m in meetings if not m["start"])


def login_name() -> str:
    """Who is at the terminal, also behind sudo."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return f"user {os.getuid()}"
