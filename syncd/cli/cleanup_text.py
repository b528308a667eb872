"""The texts and tables of `syncd cleanup`, made from its JSON object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from syncd.cli import render, terminal
from syncd.core.ownership.cleanup import OwnershipDoubt
from syncd.engine.cleanup.left_in_place import TIE

_DOUBTS = {
    OwnershipDoubt.REPEATED: "several events have this tag, so at least one is a copy",
    OwnershipDoubt.COPY: "somebody on the platform copied it from a block of syncd",
    OwnershipDoubt.CUSTOMER: "somebody on the platform added a customer, so it is an appointment "
    "now",
    OwnershipDoubt.UNCOUNTED: "not all calendars of the system could be read, so another event "
    "may have its tag",
}

_MAX_ROWS = 20


def blocks_of(data: Mapping[str, Any]) -> int:
    """Return the number of blocks of syncd that would be removed; ``data`` is the plan as JSON."""
    return sum(calendar["found"] for calendar in data["calendars"] if not calendar["why"])


def removal_question(calendar: Mapping[str, Any], proposed: int) -> str:
    """Return the question whether to remove the ``proposed`` blocks of one calendar."""
    blocks = render.count(proposed, "block")
    return f"Remove {'this' if proposed == 1 else 'these'} {blocks} of {_place(calendar)}?"


def abandon_consequences(system: str, blocks: int) -> str:
    """Return a text that says what giving up a system means; ``blocks`` is their number."""
    return (
        f"{render.count(blocks, 'block')} of syncd may still exist in {system}. syncd would no "
        "longer look for blocks there. If the account still exists, its blocks stay until "
        "somebody deletes them by hand."
    )


def abandoned_text(data: Mapping[str, Any]) -> str:
    """Return a text that says which system was given up, and what was forgotten of it."""
    blocks, writes = (
        render.count(data["blocks"], "block"),
        render.count(data["writes"], "open write"),
    )
    return f"syncd forgot {blocks} and {writes} in {data['given_up']} (run {data['run']})"


def print_plan(data: Mapping[str, Any], *, asking: bool) -> None:
    """Print what would be removed, by provider and in the provider's time zone.

    ``asking`` is true if a question follows; the closing line of a dry run is then left out.
    """
    calendars = data["calendars"]
    for provider, zone, group in _by_provider(c for c in calendars if c["found"]):
        rows = [
            ("-", c["system"], _blocks(c), _day(c["first"], zone), _day(c["last"], zone))
            for c in group
        ]
        title = f"{provider} · {zone.key}"
        terminal.table(title, ("", "system", "to remove", "first", "last"), rows)
    _warn(calendars)
    _warn_tagged(calendars, proposed=not data["by_tag"])
    _warn_left_in_place(data["stays"])
    total = blocks_of(data)
    if data["by_tag"] and not asking and (proposing := _with_proposals(calendars)):
        _print_proposals(proposing, total)
        return
    if not total and not any(c["tagged"] or c["why"] for c in calendars):
        terminal.say("no blocks of syncd found in the calendars that were read")
    elif not asking:
        blocks = render.count(total, "block")
        terminal.say(f"{blocks} would be removed; this was a dry run, nothing was changed")


def _with_proposals(calendars: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the calendars with tagged blocks that are proposed for removal."""
    return [c for c in calendars if any(t["doubt"] is None for t in c["tagged"])]


def tagged_value(calendar: Mapping[str, Any]) -> str:
    """Return the value of the option --tagged that names a calendar: ``PROVIDER/SYSTEM``."""
    return f"{calendar['provider'] or ''}/{calendar['system']}"


def _place(calendar: Mapping[str, Any]) -> str:
    return f"{calendar['system']}: {calendar['provider'] or 'no provider'}"


def _print_proposals(calendars: Sequence[Mapping[str, Any]], total: int) -> None:
    """Print the tagged blocks that the operator may choose, and the options that choose them.

    ``total`` is the number of blocks that are removed without a choice.
    """
    for calendar in calendars:
        print_proposed(calendar)
    number = sum(t["doubt"] is None for c in calendars for t in c["tagged"])
    if total:
        terminal.say(f"{render.count(total, 'block')} would be removed")
    options = " ".join(f"--tagged {tagged_value(c)}" for c in calendars)
    terminal.say(
        f"{render.count(number, 'tagged block is', 'tagged blocks are')} proposed; this was a dry "
        "run, nothing was changed. On a terminal, cleanup asks for each calendar; without one, "
        f"name them: {options}"
    )


def print_proposed(calendar: Mapping[str, Any]) -> None:
    """Print the tagged blocks of one calendar that are proposed for removal."""
    zone = ZoneInfo(calendar["zone"])
    proposed = [each for each in calendar["tagged"] if each["doubt"] is None]
    rows = [("-", _span(each, zone), each["event"]) for each in proposed[:_MAX_ROWS]]
    title = f"{_place(calendar)} · {zone.key}"
    terminal.table(title, ("", "no customer, tag occurs once", "id"), rows)
    if len(proposed) > _MAX_ROWS:
        terminal.say(f"… and {len(proposed) - _MAX_ROWS} more (--dry-run --json lists all)")
    terminal.say("If another syncd uses this account, its blocks are among these.")


def print_result(data: Mapping[str, Any]) -> None:
    """Print the result of a cleanup, calendar by calendar."""
    calendars = data["calendars"]
    shown = [c for c in calendars if c["found"] or c["removed"] or c["left"] or c["unsure"]]
    for provider, zone, group in _by_provider(shown):
        rows = [(c["system"], str(c["removed"]), str(c["left"] or ""), _proof(c)) for c in group]
        terminal.table(f"{provider} · {zone.key}", ("system", "removed", "left", "verified"), rows)
    _warn(calendars)
    _warn_tagged(calendars, proposed=True)
    _warn_left_in_place(data["stays"])
    for remark in data["remarks"]:
        terminal.warn(remark)
    if data["paused"]:
        names = ", ".join(data["paused"])
        terminal.say(
            f"paused, so that syncd makes no new blocks: {names} (syncd unpause NAME ends a pause)"
        )
    terminal.say(_ending(data))


def _ending(data: Mapping[str, Any]) -> str:
    removed = render.count(data["removed"], "block")
    unfinished = any(c["left"] or c["unsure"] or c["why"] for c in data["calendars"])
    if unfinished:
        return (
            f"{removed} removed, but blocks of syncd may be left: fix the cause and run the "
            "cleanup again"
        )
    tagged = [t for c in data["calendars"] for t in c["tagged"]]
    if any(t["doubt"] is None or not OwnershipDoubt(t["doubt"]).settled for t in tagged):
        return f"{removed} removed. Decide about the tagged blocks that are left"
    if data["done"] and data["by_tag"]:
        return (
            f"{removed} removed: no block with a tag of syncd was found in these calendars "
            "afterwards"
        )
    if data["done"] and data["stays"]:
        return f"{removed} removed: no block of syncd is left in these calendars"
    if data["done"]:
        return f"{removed} removed: nothing that syncd made is left in these calendars"
    return f"{removed} removed, then interrupted: run the cleanup again to continue"


def _by_provider(
    calendars: Any,
) -> Sequence[tuple[str, ZoneInfo, Sequence[Mapping[str, Any]]]]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in calendars:
        groups.setdefault((each["provider"] or "no provider", each["zone"]), []).append(each)
    return [(name, ZoneInfo(zone), group) for (name, zone), group in sorted(groups.items())]


def _blocks(calendar: Mapping[str, Any]) -> str:
    over = f" ({calendar['over']} ended)" if calendar["over"] else ""
    return render.count(calendar["found"], "block") + over


def _proof(calendar: Mapping[str, Any]) -> str:
    if calendar["left"]:
        return "blocks are left"
    if calendar["unsure"]:
        return f"{calendar['unsure']} not verified: check by hand"
    return "none is left" if calendar["proven"] else "not read"


def _warn(calendars: Sequence[Mapping[str, Any]]) -> None:
    """Warn once for each reason why calendars were not cleaned up, and name the calendars."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for each in calendars:
        if each["why"]:
            reasons.setdefault((each["why"], each["remedy"]), []).append(_place(each))
    for (why, remedy), places in reasons.items():
        terminal.warn(f"{', '.join(places)}: {why}. {remedy}".rstrip())


def _warn_tagged(calendars: Sequence[Mapping[str, Any]], *, proposed: bool) -> None:
    """Warn of each tagged block that stays, with the reason.

    ``proposed`` includes the blocks that are proposed for removal.
    """
    for each in calendars:
        zone = ZoneInfo(each["zone"])
        staying = [t for t in each["tagged"] if t["doubt"] is not None or proposed]
        for tagged in staying[:_MAX_ROWS]:
            doubt = tagged["doubt"]
            hint = f"only its tag shows that it is syncd's (--tagged {tagged_value(each)})"
            why = hint if doubt is None else _DOUBTS[OwnershipDoubt(doubt)]
            terminal.warn(
                f"{_place(each)}: the tagged block {_span(tagged, zone)} is not removed: {why}"
            )
        if len(staying) > _MAX_ROWS:
            terminal.warn(f"… and {len(staying) - _MAX_ROWS} more")


def _warn_left_in_place(left_in_place: Sequence[Mapping[str, Any]]) -> None:
    """Warn of objects that syncd created, other than blocks, and that stay, by system."""
    for system in dict.fromkeys(each["system"] for each in left_in_place):
        here = [each for each in left_in_place if each["system"] == system]
        things = [_thing(each) for each in here if each["sort"] != TIE]
        ties = sum(each["number"] for each in here if each["sort"] == TIE)
        if things:
            terminal.warn(
                f"{system}: `syncd provision` made {', '.join(things)}; a cleanup does not remove "
                "these. Remove them from the configuration and run `syncd provision --apply "
                "--prune`, or delete them by hand."
            )
        if ties:
            terminal.warn(
                f"{system}: {render.count(ties, 'booking')} of other systems stay linked to their "
                f"contacts. Delete these links by hand in {system}."
            )


def _thing(item: Mapping[str, Any]) -> str:
    return f"{'' if item['sure'] else 'possibly '}the {item['sort']} {item['name']!r}"


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
