"""Blocks of who or what left the configuration, in the words that a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from syncd.cli import words
from syncd.cli.options import zone_of
from syncd.config.settings import Settings
from syncd.model import on_clock
from syncd.store.left_behind import Gone, LeftBehind
from syncd.systems.port import Finding

REMEDY = (
    "Put the entry back into the configuration, or remove the blocks by hand there: "
    "`syncd bookings` and `syncd show BOOKING` name them"
)


def lines(settings: Settings, found: Iterable[LeftBehind]) -> Iterator[str]:
    """Say for each calendar how many blocks stand there, and once what to do."""
    found = list(found)
    for each in found:
        yield f"{_place(each)}: {_blocks(settings, each)}; {_why(each)}"
    if found:
        yield f"{REMEDY}."


def findings(settings: Settings, found: Iterable[LeftBehind]) -> list[Finding]:
    """The findings of `syncd check`: one for each calendar."""
    return [
        Finding("warning", _place(each), f"{_blocks(settings, each)}; {_why(each)}", REMEDY)
        for each in found
    ]


def _place(each: LeftBehind) -> str:
    return f"{each.system}: {each.provider}" if each.provider else each.system


def _blocks(settings: Settings, each: LeftBehind) -> str:
    zone = zone_of(settings, each.provider or None)
    first, last = (f"{on_clock(t, zone):%a %d %b %Y}" for t in (each.first, each.last))
    days = first if first == last else f"{first} to {last}"
    return f"{words.count(each.blocks, 'block')} of syncd stood there when last read ({days})"


def _why(each: LeftBehind) -> str:
    match each.gone:
        case Gone.SYSTEM:
            return f"the system {each.system} is not in the configuration any more"
        case Gone.PROVIDER:
            return f"{each.provider or 'its provider'} is not in the configuration any more"
        case Gone.CALENDAR:
            return f"{each.provider} has no calendar there any more"
