"""Blocks of who or what left the configuration, in the words that a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from syncd.cli import render
from syncd.cli.options import zone_of
from syncd.config.settings import Settings
from syncd.model import in_zone
from syncd.model.former_calendars import provider_of_former
from syncd.store.left_behind import LeftBehind, MissingFrom
from syncd.systems.port import CheckResult


def command(each: LeftBehind) -> str:
    """The command that removes these blocks."""
    system = f" --system {each.system}" if each.gone is not MissingFrom.PROVIDER else ""
    provider = f" --provider {each.provider}" if each.provider else ""
    provider = "" if each.gone is MissingFrom.SYSTEM else provider
    return f"syncd cleanup{system}{provider}"


def remedy(found: Iterable[LeftBehind]) -> str:
    """Say what to do, with each command once."""
    commands = dict.fromkeys(f"`{command(each)}`" for each in found)
    return f"Remove them with {', '.join(commands)}, or put the entry back into the configuration"


def lines(settings: Settings, found: Iterable[LeftBehind]) -> Iterator[str]:
    """Say for each calendar how many blocks stand there, and once what to do."""
    found = list(found)
    for each in found:
        yield f"{_place(each)}: {_blocks(settings, each)}; {_why(each)}"
    if found:
        yield f"{remedy(found)}."


def findings(settings: Settings, found: Iterable[LeftBehind]) -> list[CheckResult]:
    """The findings of `syncd check`: one for each calendar."""
    return [
        CheckResult(
            "warning", _place(each), f"{_blocks(settings, each)}; {_why(each)}", remedy([each])
        )
        for each in found
    ]


def _place(each: LeftBehind) -> str:
    return f"{each.system}: {each.provider}" if each.provider else each.system


def _blocks(settings: Settings, each: LeftBehind) -> str:
    zone = zone_of(settings, each.provider or None)
    first, last = (f"{in_zone(t, zone):%a %d %b %Y}" for t in (each.first, each.last))
    days = first if first == last else f"{first} to {last}"
    return f"{render.count(each.blocks, 'block')} of syncd stood there when last read ({days})"


def _why(each: LeftBehind) -> str:
    match each.gone:
        case MissingFrom.SYSTEM:
            return f"the system {each.system} is not in the configuration any more"
        case MissingFrom.PROVIDER:
            return f"{each.provider or 'its provider'} is not in the configuration any more"
        case MissingFrom.FORMER:
            return f"{provider_of_former(each.provider)} has another calendar there by now"
        case MissingFrom.CALENDAR:
            return f"{each.provider} has no calendar there any more"
