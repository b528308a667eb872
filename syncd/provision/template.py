"""Write the text of syncd.toml: a commented file the first time, additions later. Pure.

Existing text, including comments and order, is never rewritten: tables are appended, and lines are
inserted by a library that preserves the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tomlkit

from syncd.provision.config_additions import CalendarLine
from syncd.provision.credentials import Source

TomlValue = str | int | bool


@dataclass(frozen=True, slots=True)
class NewSystem:
    """A table ``[systems.NAME]``; ``comment`` is the name of the account on the platform."""

    name: str
    type: str
    values: Mapping[str, TomlValue]
    secrets: Mapping[str, Source]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class NewProvider:
    """A table ``[providers.NAME]``, or new lines for an existing table.

    ``comment`` is the reason for the proposal.
    """

    name: str
    places: Mapping[str, CalendarLine]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ConfigDraft:
    """The systems and providers to write; ``rooms`` are only listed in a comment."""

    systems: Sequence[NewSystem] = ()
    providers: Sequence[NewProvider] = ()
    zone: str = "UTC"
    env_file: str | None = None
    rooms: Sequence[str] = field(default=())


def new_config(draft: ConfigDraft) -> str:
    """Return the text of a new configuration, with a comment on each setting."""
    blocks = [
        _HEAD.format(zone=_text(draft.zone), env_file=_env_file(draft.env_file)),
        _SYSTEMS,
        *map(_system, draft.systems),
        _PROVIDERS,
        *map(_provider, draft.providers),
        *([_rooms(draft.rooms)] if draft.rooms else []),
        _TAIL.format(prefer=_list(system.name for system in draft.systems)),
    ]
    return "\n".join(blocks)


def extend_config(text: str, draft: ConfigDraft) -> str:
    """Return a configuration's text with the draft added. Raises ValueError.

    Existing text, including the time zone, does not change. Systems that exist are skipped;
    providers that exist only get calendars in systems in which they have none.
    """
    document = tomlkit.parse(text)
    here = document.unwrap()
    known, providers = here.get("systems", {}), here.get("providers", {})
    new_systems = [system for system in draft.systems if system.name not in known]
    new_providers = [each for each in draft.providers if each.name not in providers]
    changed = False
    if draft.env_file and here.get("syncd", {}).get("env_file") is None:
        general = document.setdefault("syncd", tomlkit.table())
        general["env_file"] = draft.env_file
        changed = True
    prefer = here.get("rules", {}).get("prefer")
    if prefer:
        for system in new_systems:
            document["rules"]["prefer"].append(system.name)
            changed = True
    for each in draft.providers:
        if each.name in providers:
            changed = _add_places(document, each) or changed
    base = tomlkit.dumps(document) if changed else text
    blocks = [*map(_system, new_systems), *map(_provider, new_providers)]
    if not blocks:
        return base
    return "\n".join([base.rstrip("\n") + "\n", *blocks])


def _add_places(document: Any, provider: NewProvider) -> bool:
    table = document["providers"][provider.name].setdefault("calendars", tomlkit.table())
    missing = {name: place for name, place in provider.places.items() if name not in table}
    for name, place in missing.items():
        line = tomlkit.inline_table()
        line.update(place.values)
        table[name] = line
    return bool(missing)


def _system(system: NewSystem) -> str:
    lines = [f"[systems.{system.name}]{_comment(system.comment)}", f"type = {_text(system.type)}"]
    lines += [f"{key} = {_value(value)}" for key, value in system.values.items()]
    lines += [f"{key} = {_table(source)}" for key, source in system.secrets.items()]
    lines += _HINTS.get(system.type, ())
    return "\n".join(lines) + "\n"


def _provider(provider: NewProvider) -> str:
    lines = [f"[providers.{provider.name}]{_comment(provider.comment)}", 'kind = "person"']
    lines.append(f"[providers.{provider.name}.calendars]")
    for system, place in provider.places.items():
        lines.append(f"{system} = {_table(place.values)}{_comment(place.comment)}")
    return "\n".join(lines) + "\n"


def _rooms(rooms: Sequence[str]) -> str:
    lines = ["# Existing rooms and equipment. To sync one, make it a provider with calendars:"]
    lines += [f"#   {_printable(room)}" for room in rooms]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    return f"  # {_printable(text)}" if text else ""


def _printable(text: str) -> str:
    """Make a name from a platform safe for a comment: one line, printable characters only."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _text(value: str) -> str:
    return tomlkit.item(value).as_string()


def _value(value: TomlValue) -> str:
    return tomlkit.item(value).as_string()


def _table(values: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{key} = {_text(value)}" for key, value in values.items()) + " }"


def _list(names: Iterable[str]) -> str:
    return "[" + ", ".join(map(_text, names)) + "]"


def _env_file(name: str | None) -> str:
    if name is None:
        return ""
    return f"env_file = {_text(name)}    # the file with the credentials: NAME='value' lines\n"


_HEAD = """\
# The configuration of syncd, written by `syncd init`. Edit it freely: if init runs again, it keeps
# the text and adds new systems and providers. `syncd check` reports all errors at once.
# Durations: "90s", "15m", "2h", "1d". Times of day are in `zone`.

[syncd]
state = "state/syncd.db"                # SQLite; relative paths are relative to this file
{env_file}zone = {zone}
window = {{ past = "1d", future = "60d" }}
near = {{ every = "60s", ahead = "2d" }}  # the next days are read often,
far = {{ every = "15m" }}                 # the whole window less often
longest = "60d"                         # the longest event that is found if it began earlier
resync_at = "03:30"                     # the nightly resync of the whole window
"""

_SYSTEMS = "# One table per account. Choose the names: history and conflicts show them.\n"

_PROVIDERS = """\
# One table per provider, with a calendar in each system. A calendar with write = false is read, but
# never written to.
"""

_TAIL = """\
# Which value wins if two systems disagree.
[rules]
prefer = {prefer}    # the tie-break of all rules
moved_apart = "latest"                  # "latest", "prefer" or "hold" (the operator decides)
moved_and_cancelled = "cancel"          # "cancel", "move" or "hold"
twin_deleted = "cancel"                 # one appointment is deleted: "cancel", "keep" or "hold"

# The guard stops large changes of a calendar until `syncd resync --accept RUN`: more than `count`
# meetings that are more than `share` of all disappear or move; or all meetings, at least `common`,
# move by the same amount; or all meetings, at least `all`, disappear without proof of a deletion.
[guard]
count = 10
share = "20%"
common = 5
all = 3
"""

_HINTS: Mapping[str, Sequence[str]] = {
    "leadsquared": (
        '#cancel_as = "hold"      # the operator cancels; or "complete"; or "cancel",',
        '#                        # with cancel_path = "Task.svc/NAME": docs/leadsquared-cancel.md',
        "#calls_per_5s = 8        # what your plan allows: Pro 10, Super 20",
    ),
    "leadconnector": (
        "#notify = false          # true: a move or a cancellation starts automations there",
    ),
    "leadconnector-v1": (
        '#blocks = "event"        # or "hold" with hold_email: appointments of a contact of yours',
    ),
}
