"""The text of syncd.toml: written with comments the first time, added to ever after. Pure.

What a person wrote, comments and order included, is never written anew: tables are put at the end,
and lines into tables by a library that keeps the rest as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tomlkit

from syncd.provision.config_additions import Place
from syncd.provision.credentials import Source

TomlValue = str | int | bool


@dataclass(frozen=True, slots=True)
class NewSystem:
    """A table ``[systems.NAME]``; ``comment`` says what the account is called."""

    name: str
    type: str
    values: Mapping[str, TomlValue]
    secrets: Mapping[str, Source]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class NewProvider:
    """A table ``[providers.NAME]``, or lines for one that is there; ``comment`` says why."""

    name: str
    places: Mapping[str, Place]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be in the configuration. ``rooms`` are named for later, as comments."""

    systems: Sequence[NewSystem] = ()
    providers: Sequence[NewProvider] = ()
    zone: str = "UTC"
    env_file: str | None = None
    rooms: Sequence[str] = field(default=())


def fresh(draft: Draft) -> str:
    """A whole configuration with a word on each setting."""
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


def extended(text: str, draft: Draft) -> str:
    """A configuration with the draft added; what is there stays, byte for byte. Raises ValueError.

    Systems that are there are not written again, and of a provider that is there only the systems
    that it lacks are. The zone stays.
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
    lines = ["# Rooms and equipment that are there. To sync one, give it calendars elsewhere, too:"]
    lines += [f"#   {_printable(room)}" for room in rooms]
    return "\n".join(lines) + "\n"


def _comment(said: str) -> str:
    return f"  # {_printable(said)}" if said else ""


def _printable(said: str) -> str:
    """Names come from platforms, and a comment ends with its line."""
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())


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
    return f"env_file = {_text(name)}    # where the credentials below are: NAME='value' lines\n"


_HEAD = """\
# What syncd keeps the same, and where: written by `syncd init`, and yours to edit. Run again, init
# keeps what is here and adds what is new. `syncd check` says what is wrong with it, all at once.
# Durations: "90s", "15m", "2h", "1d". Times of day are in `zone`.

[syncd]
state = "state/syncd.db"                # SQLite; relative paths are relative to this file
{env_file}zone = {zone}
window = {{ past = "1d", future = "60d" }}
near = {{ every = "60s", ahead = "2d" }}  # what is soon is looked at often,
far = {{ every = "15m" }}                 # the whole window more seldom,
longest = "60d"                         # how early what still runs may have begun to be found,
resync_at = "03:30"                     # and once a night until nothing is left to do
"""

_SYSTEMS = "# One table for each account. The names are yours; history and conflicts use them.\n"

_PROVIDERS = """\
# One table for each person, and where that person's time is kept. A line may say write = false: it
# is read, and never written to.
"""

_TAIL = """\
# Who is right when two systems disagree.
[rules]
prefer = {prefer}    # the tie-break of all
moved_apart = "latest"                  # "latest", "prefer" or "hold" (leave it to a person)
moved_and_cancelled = "cancel"          # "cancel", "move" or "hold"
twin_deleted = "cancel"                 # only one record is deleted: "cancel", "keep" or "hold"

# How much of a calendar may vanish or move at once before it waits for `syncd resync --accept RUN`:
# more than `count` meetings that are more than `share` of them are stopped, and so is the whole
# calendar if all of at least `common` meetings move by one amount, or all of at least `all` vanish
# and the system does not say that they were deleted.
[guard]
count = 10
share = "20%"
common = 5
all = 3
"""

_HINTS: Mapping[str, Sequence[str]] = {
    "leadsquared": (
        '#cancel_as = "hold"      # leave cancellations to a person; or "complete"; or "cancel",',
        '#                        # with cancel_path = "Task.svc/NAME": docs/leadsquared-cancel.md',
        "#calls_per_5s = 8        # what your plan allows: Pro 10, Super 20",
    ),
    "leadconnector": (
        "#notify = false          # true lets a move or a cancellation start automations there",
    ),
    "leadconnector-v1": (
        '#blocks = "event"        # or "hold", with hold_email: books a contact of yours instead',
    ),
}
