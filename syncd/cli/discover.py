"""`syncd discover`: what each system has, so that nobody copies an id by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.text import Text
from rich.tree import Tree as Drawn

from syncd.app import RealClock, unmapped_adapters
from syncd.cli import terminal
from syncd.cli.learned_limits import remember
from syncd.cli.options import ConfigOption, JsonOption, read_settings
from syncd.config.problems import ConfigError
from syncd.config.settings import ProviderSettings, SystemSettings
from syncd.provision.directory import calendar_only, doubt_finding, unknown_users, user_refs
from syncd.provision.matching import match_users
from syncd.systems.fault_boundary import contained
from syncd.systems.findings import fault_finding
from syncd.systems.inventory import (
    AppointmentType,
    CalendarInfo,
    ResourceInfo,
    SystemInventory,
    UserInfo,
)
from syncd.systems.port import CheckResult, PlatformError

_LEVELS = {"ok": "note", "note": "note", "warning": "look", "error": "WRONG"}
PLATFORM_NAMES = {
    "leadsquared": "LeadSquared",
    "leadconnector": "LeadConnector v2",
    "leadconnector-v1": "LeadConnector v1",
}


def discover(
    context: typer.Context, *, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show what each system has: users, calendars, groups, rooms, equipment, appointment types.

    Needs credentials only ([systems.NAME]), no [providers]. Writes nothing. `syncd init` uses the
    same look to propose who is who. Exit: 0 all was read, 4 a system cannot be looked at.
    """
    settings = read_settings(context, config, mapping=False)
    trees = look(settings.systems, settings.syncd.ca_file, settings.syncd.state_path, quiet=as_json)
    mapped: Mapping[str, ProviderSettings] = {}
    with suppress(ConfigError):  # the mapping may still be unfinished
        mapped = read_settings(context, config).providers
    odd = [finding for tree in trees for finding in unknown_users(tree, mapped)]
    odd += [finding for tree in trees for finding in calendar_only(tree, mapped)]
    odd += [doubt_finding(doubt) for doubt in match_users(user_refs(trees)).ambiguous]
    if as_json:
        systems = {tree.system: tree_json(tree) for tree in trees}
        terminal.print_json({"systems": systems, "findings": [asdict(f) for f in odd]})
    else:
        for tree in trees:
            show_tree(tree)
        show_findings([*(f for tree in trees for f in tree.findings), *odd])
    raise typer.Exit(0 if all(tree.opened for tree in trees) else 4)


def look(
    systems: Mapping[str, SystemSettings],
    ca_file: str | None = None,
    state: Path | None = None,
    *,
    quiet: bool = False,
) -> list[SystemInventory]:
    """Read what the systems have, side by side, telling what is being read.

    They keep to the limits that a ``state`` knows of them.
    """

    async def read() -> list[SystemInventory]:
        accounts = unmapped_adapters(systems, RealClock(), ca_file)
        if state is not None:
            remember(state, accounts)
        doing: dict[str, str] = {}
        with terminal.progress("asking " + ", ".join(accounts), quiet=quiet) as told:
            try:
                return await asyncio.gather(
                    *(
                        _tree(name, systems[name], account.discover(_teller(name, doing, told)))
                        for name, account in accounts.items()
                    )
                )
            finally:
                await asyncio.gather(*(account.aclose() for account in accounts.values()))

    return asyncio.run(read())


async def _tree(
    name: str, system: SystemSettings, asked: Awaitable[SystemInventory]
) -> SystemInventory:
    """Wait for a tree; an answer that it stumbles over is a finding."""
    try:
        with contained(name, "discover"):
            return await asked
    except PlatformError as fault:
        return SystemInventory(system=name, platform=system.type, findings=(fault_finding(fault),))


def _teller(name: str, doing: dict[str, str], told: Callable[[str], None]) -> Callable[[str], None]:
    def tell(what: str) -> None:
        doing[name] = what
        told("reading " + ", ".join(f"{system}: {part}" for system, part in doing.items()))

    return tell


def tree_json(tree: SystemInventory) -> dict[str, Any]:
    """A tree with stable keys; rooms and equipment apart, as v2 keeps them."""
    data = asdict(tree)
    resources = data.pop("resources")
    del data["system"], data["users_listed"]  # a finding says so
    return {
        **data,
        "rooms": [_no_kind(r) for r in resources if r["kind"] == "room"],
        "equipment": [_no_kind(r) for r in resources if r["kind"] == "equipment"],
    }


def _no_kind(resource: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key != "kind"}


def show_findings(findings: Sequence[CheckResult]) -> None:
    """Print what could not be read or is odd, each with its remedy."""
    rows = [
        (_LEVELS[f.level], f.subject, f"{f.message}. {f.remedy[:1].upper()}{f.remedy[1:]}".strip())
        for f in findings
    ]
    if rows:
        terminal.table("to look at", ("", "what", "finding and remedy"), rows)


def show_tree(tree: SystemInventory) -> None:
    """Print one system."""
    platform = PLATFORM_NAMES[tree.platform]
    head = " · ".join(filter(None, (tree.system, platform, tree.name, tree.account, tree.zone)))
    drawn = Drawn(Text(head, style="bold"), guide_style="dim")
    for title, lines in _branches(tree):
        branch = drawn.add(Text(f"{title} ({len(lines)})"))
        for line in lines:
            branch.add(Text(line))
    terminal.console().print(drawn)


def _branches(tree: SystemInventory) -> Iterator[tuple[str, list[str]]]:
    if not tree.opened and not tree.users:
        return
    old = tree.platform == "leadconnector-v1"
    names = {user.id: user.name or user.email for user in tree.users}
    groups = {group.id: group.name for group in tree.groups}
    yield "users", _aligned(_user(tree, user) for user in tree.users)
    if tree.platform == "leadsquared":
        yield "appointment types", _aligned((kind.name, _fit(kind)) for kind in tree.types)
        return
    word = "teams" if old else "groups"
    yield (
        word,
        _aligned((g.name, g.id, ", ".join(names.get(u, u) for u in g.users)) for g in tree.groups),
    )
    yield (
        "services" if old else "calendars",
        _aligned(_calendar(c, names, groups) for c in tree.calendars),
    )
    if not old:
        calendars = {calendar.id: calendar.name for calendar in tree.calendars}
        for title, kind in (("rooms", "room"), ("equipment", "equipment")):
            of_kind = (r for r in tree.resources if r.kind == kind)
            yield title, _aligned(_resource(r, calendars) for r in of_kind)
        yield (
            "associations",
            _aligned((a.key, f"{a.first_key} -> {a.second_key}", a.id) for a in tree.associations),
        )


def _user(tree: SystemInventory, user: UserInfo) -> tuple[str, ...]:
    id = "" if tree.platform == "leadsquared" else user.id
    return (user.name, user.email, id, user.zone, "" if user.active else "inactive")


def _calendar(
    calendar: CalendarInfo, names: Mapping[str, str], groups: Mapping[str, str]
) -> tuple[str, ...]:
    users = ", ".join(names.get(user, user) for user in calendar.users) or "nobody"
    kind = calendar.type if calendar.active else f"{calendar.type}, inactive"
    return (calendar.name, calendar.id, kind, users, groups.get(calendar.group, ""))


def _resource(resource: ResourceInfo, calendars: Mapping[str, str]) -> tuple[str, ...]:
    if resource.kind == "room":
        size = f"for {resource.capacity}" if resource.capacity is not None else ""
    else:
        size = f"{resource.quantity} pieces" if resource.quantity is not None else ""
        if resource.out_of_service:
            size += f", {resource.out_of_service} out of service"
    used = ", ".join(calendars.get(id, id) for id in resource.calendars) or "no calendar"
    return (resource.name, resource.id or "(no id shown)", size, used)


def _fit(kind: AppointmentType) -> str:
    if kind.unfit:
        return f"not fit for busy time: {'; '.join(kind.unfit)}"
    if kind.unknown:
        return f"fit for busy time if {' and '.join(kind.unknown)}, which the API does not tell"
    return "fit for busy time"


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines whose cells stand below each other."""
    cells = [[cell or "" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
