"""What `syncd cleanup` prints, from the object that it prints with --json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from syncd.cli import render, terminal
from syncd.core.cleanup import OwnershipDoubt
from syncd.engine.left_in_place import TIE

_DOUBTS = {
    OwnershipDoubt.REPEATED: "its tag stands more than once: one of them is a person's copy",
    OwnershipDoubt.COPY: "a person's copy of a block of syncd's",
    OwnershipDoubt.CUSTOMER: "a person gave it a customer, so that it is a meeting now",
    OwnershipDoubt.UNCOUNTED: "not all calendars there could be read, so a copy may stand "
    "elsewhere",
}

_MOST_ROWS = 20


def blocks_of(data: Mapping[str, Any]) -> int:
    """Count the blocks of ours that would be removed."""
    return sum(calendar["found"] for calendar in data["calendars"] if not calendar["why"])


def question_of(calendar: Mapping[str, Any], proposed: int) -> str:
    """Ask of one calendar whether the proposed blocks are to go."""
    place = f"{calendar['system']}: {calendar['provider'] or 'nobody'}"
    them = render.count(proposed, "block")
    return f"Remove {'this' if proposed == 1 else 'these'} {them} of {place}?"


def giving_up(system: str, blocks: int) -> str:
    """Say what giving a system up means."""
    return (
        f"{render.count(blocks, 'block')} of syncd may still stand in {system}. syncd would not "
        "look for them any more; if the account still exists, they stay there until somebody "
        "deletes them by hand."
    )


def given_up(data: Mapping[str, Any]) -> str:
    """Say what was given up."""
    blocks, writes = (
        render.count(data["blocks"], "block"),
        render.count(data["writes"], "open write"),
    )
    return f"{data['given_up']} was given up, with {blocks} and {writes} (run {data['run']})"


def show_cleanup(data: Mapping[str, Any], *, asking: bool) -> None:
    """Print what would be removed, by provider and on the provider's clock."""
    calendars = data["calendars"]
    for provider, zone, found in _by_provider(c for c in calendars if c["found"]):
        rows = [
            ("-", c["system"], _blocks(c), _day(c["first"], zone), _day(c["last"], zone))
            for c in found
        ]
        title = f"{provider} · {zone.key}"
        terminal.table(title, ("", "system", "to be removed", "first", "last"), rows)
    _warn(calendars)
    _show_left(calendars, proposed=not data["by_tag"])
    _show_left_in_place(data["left_in_place"])
    total = blocks_of(data)
    if data["by_tag"] and not asking and (named := proposals(calendars)):
        _show_proposed(named, total)
        return
    if not total and not any(c["tagged"] or c["why"] for c in calendars):
        terminal.say("nothing of syncd's stands there, as far as it was read")
    elif not asking:
        told = render.count(total, "block")
        terminal.say(f"{told} would be removed; this was a dry run, and nothing was changed")


def proposals(calendars: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the calendars with tagged blocks that are proposed."""
    return [c for c in calendars if any(t["doubt"] is None for t in c["tagged"])]


def name_of(calendar: Mapping[str, Any]) -> str:
    """Return the name of a calendar, as --tagged takes it."""
    return f"{calendar['provider'] or ''}/{calendar['system']}"


def _show_proposed(named: Sequence[Mapping[str, Any]], total: int) -> None:
    """Print the tagged blocks that a person may choose, and how: nothing else proves them."""
    for calendar in named:
        show_tagged(calendar)
    number = sum(t["doubt"] is None for c in named for t in c["tagged"])
    if total:
        terminal.say(f"{render.count(total, 'block')} would be removed")
    options = " ".join(f"--tagged {name_of(c)}" for c in named)
    terminal.say(
        f"{render.count(number, 'tagged block is', 'tagged blocks are')} proposed; this was a dry "
        "run, and nothing was changed. On a terminal each calendar is asked about; without one, "
        f"name it: {options}"
    )


def show_tagged(calendar: Mapping[str, Any]) -> None:
    """Print the tagged blocks of one calendar that are proposed."""
    zone = ZoneInfo(calendar["zone"])
    proposed = [each for each in calendar["tagged"] if each["doubt"] is None]
    rows = [("-", _span(each, zone), each["event"]) for each in proposed[:_MOST_ROWS]]
    title = f"{calendar['system']}: {calendar['provider'] or 'nobody'} · {zone.key}"
    terminal.table(title, ("", "without a customer, tag stands once", "id"), rows)
    if len(proposed) > _MOST_ROWS:
        terminal.say(f"… and {len(proposed) - _MOST_ROWS} more (--dry-run --json lists all)")
    terminal.say("If another syncd works with this account, its blocks are among these.")


def show_result(data: Mapping[str, Any]) -> None:
    """Print how a cleanup ended, calendar by calendar."""
    calendars = data["calendars"]
    shown = [c for c in calendars if c["found"] or c["removed"] or c["left"] or c["unsure"]]
    for provider, zone, found in _by_provider(shown):
        rows = [(c["system"], str(c["removed"]), str(c["left"] or ""), _proof(c)) for c in found]
        terminal.table(
            f"{provider} · {zone.key}", ("system", "removed", "left", "read afterwards"), rows
        )
    _warn(calendars)
    _show_left(calendars, proposed=True)
    _show_left_in_place(data["left_in_place"])
    for remark in data["remarks"]:
        terminal.warn(remark)
    if data["paused"]:
        names = ", ".join(data["paused"])
        terminal.say(
            f"paused, so that no block is made again: {names} (syncd unpause NAME lifts that)"
        )
    terminal.say(_ending(data))


def _ending(data: Mapping[str, Any]) -> str:
    removed = render.count(data["removed"], "block")
    unfinished = any(c["left"] or c["unsure"] or c["why"] for c in data["calendars"])
    if unfinished:
        return f"{removed} removed, and some are left: run it again when the cause is fixed"
    tagged = [t for c in data["calendars"] for t in c["tagged"]]
    if any(t["doubt"] is None or not OwnershipDoubt(t["doubt"]).settled for t in tagged):
        return f"{removed} removed; a person has to decide about the tagged blocks that are left"
    if data["done"] and data["by_tag"]:
        return f"{removed} removed: no block with syncd's mark was seen there any more"
    if data["done"] and data["left_in_place"]:
        return f"{removed} removed: no block of syncd's is left there"
    if data["done"]:
        return f"{removed} removed: nothing that syncd made is left there"
    return f"{removed} removed, then interrupted: run it again to go on"


def _by_provider(
    calendars: Any,
) -> Sequence[tuple[str, ZoneInfo, Sequence[Mapping[str, Any]]]]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in calendars:
        groups.setdefault((each["provider"] or "nobody", each["zone"]), []).append(each)
    return [(name, ZoneInfo(zone), found) for (name, zone), found in sorted(groups.items())]


def _blocks(calendar: Mapping[str, Any]) -> str:
    over = f" ({calendar['over']} over)" if calendar["over"] else ""
    return render.count(calendar["found"], "block") + over


def _proof(calendar: Mapping[str, Any]) -> str:
    if calendar["left"]:
        return "still there"
    if calendar["unsure"]:
        return f"{calendar['unsure']} cannot be read: look there"
    return "none is left" if calendar["proven"] else "not read"


def _warn(calendars: Sequence[Mapping[str, Any]]) -> None:
    """Say once for each reason which calendars it holds back."""
    told: dict[tuple[str, str], list[str]] = {}
    for each in calendars:
        if each["why"]:
            place = f"{each['system']}: {each['provider'] or 'nobody'}"
            told.setdefault((each["why"], each["remedy"]), []).append(place)
    for (why, remedy), places in told.items():
        terminal.warn(f"{', '.join(places)}: {why}. {remedy}".rstrip())


def _show_left(calendars: Sequence[Mapping[str, Any]], *, proposed: bool) -> None:
    """Name the tagged blocks that stay, and why; ``proposed``: also those that may be chosen."""
    for each in calendars:
        zone = ZoneInfo(each["zone"])
        left = [t for t in each["tagged"] if t["doubt"] is not None or proposed]
        for tagged in left[:_MOST_ROWS]:
            place = f"{each['system']}: {each['provider'] or 'nobody'}"
            doubt = tagged["doubt"]
            hint = f"only its tag says it is syncd's (--tagged {name_of(each)})"
            why = hint if doubt is None else _DOUBTS[OwnershipDoubt(doubt)]
            terminal.warn(f"{place}: the tagged block {_span(tagged, zone)} stays: {why}")
        if len(left) > _MOST_ROWS:
            terminal.warn(f"… and {len(left) - _MOST_ROWS} more")


def _show_left_in_place(found: Sequence[Mapping[str, Any]]) -> None:
    """Name what syncd made besides blocks, system by system."""
    for system in dict.fromkeys(each["system"] for each in found):
        here = [each for each in found if each["system"] == system]
        things = [_thing(each) for each in here if each["sort"] != TIE]
        ties = sum(each["number"] for each in here if each["sort"] == TIE)
        if things:
            terminal.warn(
                f"{system}: `syncd provision` made {', '.join(things)}, and a cleanup leaves that. "
                "Take it out of the configuration and run `syncd provision --apply --prune`, or "
                "delete it by hand."
            )
        if ties:
            terminal.warn(
                f"{system}: {render.count(ties, 'booking')} of other systems stay tied to their "
                "contacts. Delete these records there by hand."
            )


def _thing(stays: Mapping[str, Any]) -> str:
    return f"{'' if stays['sure'] else 'perhaps '}the {stays['sort']} {stays['name']!r}"


def _span(tagged: Mapping[str, Any], zone: ZoneInfo) -> str:
    start, end = (
        datetime.fromisoformat(tagged[name]).astimezone(zone) for name in ("start", "end")
    )
    until = end.strftime("%H:%M") if end.date() == start.date() else f"{end:%a %d %b %H:%M}"
    return f"{start:%a %d %b %Y %H:%M}-{until}"


def _day(text: str | None, zone: ZoneInfo) -> str:
    return (
        "" if text is None else f"{datetime.fromisoformat(text).astimezone(zone):%a %d %b %Y %H:%M}"
    )
