"""Lines and check results on blocks of calendars that are no longer in the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from syncd.cli import render
from syncd.cli.options import zone_of
from syncd.config.settings import Settings
from syncd.model import in_zone
from syncd.model.former_calendars import provider_of_former
from syncd.store.queries.left_behind import LeftBehind, RemovedPart
from syncd.systems.port import CheckResult


def _cleanup_command(each: LeftBehind) -> str:
    system = f" --system {each.system}" if each.removed is not RemovedPart.PROVIDER else ""
    provider = f" --provider {each.provider}" if each.provider else ""
    provider = "" if each.removed is RemovedPart.SYSTEM else provider
    return f"syncd cleanup{system}{provider}"


def left_behind_remedy(blocks: Iterable[LeftBehind]) -> str:
    """Return what the operator can do about these blocks; each command is named once."""
    commands = dict.fromkeys(f"`{_cleanup_command(each)}`" for each in blocks)
    return (
        f"Remove the blocks with {', '.join(commands)}, or put the entry back into the "
        "configuration"
    )


def left_behind_lines(settings: Settings, blocks: Iterable[LeftBehind]) -> Iterator[str]:
    """Yield a line for each calendar with its number of blocks, then one line with the remedy."""
    calendars = list(blocks)
    for each in calendars:
        yield f"{_place(each)}: {_blocks(settings, each)}; {_why(each)}"
    if calendars:
        yield f"{left_behind_remedy(calendars)}."


def left_behind_findings(settings: Settings, blocks: Iterable[LeftBehind]) -> list[CheckResult]:
    """Return one result of `syncd check` for each calendar with blocks left behind."""
    return [
        CheckResult(
            "warning",
            _place(each),
            f"{_blocks(settings, each)}; {_why(each)}",
            left_behind_remedy([each]),
        )
        for each in blocks
    ]


def _place(each: LeftBehind) -> str:
    return f"{each.system}: {each.provider}" if each.provider else each.system


def _blocks(settings: Settings, each: LeftBehind) -> str:
    zone = zone_of(settings, each.provider or None)
    first, last = (f"{in_zone(t, zone):%a %d %b %Y}" for t in (each.first, each.last))
    days = first if first == last else f"{first} to {last}"
    return f"the last read found {render.count(each.blocks, 'block')} of syncd, for {days}"


def _why(each: LeftBehind) -> str:
    match each.removed:
        case RemovedPart.SYSTEM:
            return f"the system {each.system} is no longer in the configuration"
        case RemovedPart.PROVIDER:
            return f"{each.provider or 'its provider'} is no longer in the configuration"
        case RemovedPart.FORMER:
            return (
                f"{provider_of_former(each.provider)} is now mapped to another calendar in "
                f"{each.system}"
            )
        case RemovedPart.CALENDAR:
            return f"{each.provider} no longer has a calendar in {each.system}"
