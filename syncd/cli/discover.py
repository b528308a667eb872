"""`syncd discover`: show the users, calendars and other objects of each system."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.text import Text
from rich.tree import Tree

from syncd.accounts import unmapped_adapters
from syncd.cli import terminal
from syncd.cli.learned_limits import load_known_limits
from syncd.cli.options import ConfigOption, JsonOption, read_settings
from syncd.config.problems import ConfigError
from syncd.config.settings import ProviderSettings, SystemSettings
from syncd.machine import RealClock
from syncd.provision.directory import (
    ambiguity_finding,
    check_calendar_only,
    unknown_users,
    user_refs,
)
from syncd.provision.matching import match_users
from syncd.systems.errors import PlatformError
from syncd.systems.fault_boundary import contained
from syncd.systems.findings import fault_finding
from syncd.systems.inventory import (
    AppointmentType,
    CalendarInfo,
    ResourceInfo,
    SystemInventory,
    UserInfo,
)
from syncd.systems.port import CheckResult

_LEVELS = {"ok": "note", "note": "note", "warning": "warning", "error": "ERROR"}
PLATFORM_NAMES = {
    "leadsquared": "LeadSquared",
    "leadconnector": "LeadConnector v2",
    "leadconnector-v1": "LeadConnector v1",
}


def discover(
    context: typer.Context, *, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show what each system has: users, calendars, groups, rooms, equipment, appointment types.

    Needs only credentials ([systems.NAME]), no [providers]. Writes nothing. `syncd init` proposes
    providers from the same data. Exit: 0 all systems were read, 4 a system could not be read.
    """
    settings = read_settings(context, config, mapping=False)
    inventories = read_inventories(
        settings.systems, settings.syncd.ca_file, settings.syncd.state_path, quiet=as_json
    )
    mapped: Mapping[str, ProviderSettings] = {}
    with suppress(ConfigError):  # the mapping may be incomplete
        mapped = read_settings(context, config).providers
    results = [result for each in inventories for result in unknown_users(each, mapped)]
    results += [result for each in inventories for result in check_calendar_only(each, mapped)]
    results += [ambiguity_finding(match) for match in match_users(user_refs(inventories)).ambiguous]
    if as_json:
        systems = {each.system: _inventory_json(each) for each in inventories}
        terminal.print_json({"systems": systems, "findings": [asdict(r) for r in results]})
    else:
        for each in inventories:
            print_inventory(each)
        print_results([*(r for each in inventories for r in each.findings), *results])
    raise typer.Exit(0 if all(each.opened for each in inventories) else 4)


def read_inventories(
    systems: Mapping[str, SystemSettings],
    ca_file: str | None = None,
    state: Path | None = None,
    *,
    quiet: bool = False,
) -> list[SystemInventory]:
    """Read the inventories of all systems in parallel, and show the progress on a terminal.

    If the state path ``state`` is given, the rate limits stored in the state are respected.
    ``quiet`` shows no progress.
    """

    async def read_all() -> list[SystemInventory]:
        accounts = unmapped_adapters(systems, RealClock(), ca_file)
        if state is not None:
            load_known_limits(state, accounts)
        parts: dict[str, str] = {}
        with terminal.progress("asking " + ", ".join(accounts), quiet=quiet) as on_progress:
            try:
                return await asyncio.gather(
                    *(
                        _read_inventory(
                            name,
                            systems[name],
                            account.discover(_progress_of(name, parts, on_progress)),
                        )
                        for name, account in accounts.items()
                    )
                )
            finally:
                await asyncio.gather(*(account.aclose() for account in accounts.values()))

    return asyncio.run(read_all())


async def _read_inventory(
    name: str, system: SystemSettings, inventory: Awaitable[SystemInventory]
) -> SystemInventory:
    """Await an inventory; turn a fault into an inventory with one check result."""
    try:
        with contained(name, "discover"):
            return await inventory
    except PlatformError as fault:
        return SystemInventory(system=name, platform=system.type, findings=(fault_finding(fault),))


def _progress_of(
    name: str, parts: dict[str, str], on_progress: Callable[[str], None]
) -> Callable[[str], None]:
    """Return a callback that shows the part that each system is reading."""

    def update(part: str) -> None:
        parts[name] = part
        on_progress("reading " + ", ".join(f"{system}: {part}" for system, part in parts.items()))

    return update


def _inventory_json(inventory: SystemInventory) -> dict[str, Any]:
    """Return an inventory with stable keys; rooms and equipment are separate lists."""
    data = asdict(inventory)
    resources = data.pop("resources")
    del data["system"], data["users_listed"]  # a check result reports unlisted users
    return {
        **data,
        "rooms": [_without_kind(r) for r in resources if r["kind"] == "room"],
        "equipment": [_without_kind(r) for r in resources if r["kind"] == "equipment"],
    }


def _without_kind(resource: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key != "kind"}


def print_results(results: Sequence[CheckResult]) -> None:
    """Print a table of check results with their remedies, if there are any."""
    rows = [
        (_LEVELS[f.level], f.subject, f"{f.message}. {f.remedy[:1].upper()}{f.remedy[1:]}".strip())
        for f in results
    ]
    if rows:
        terminal.table("check results", ("level", "subject", "result and remedy"), rows)


def print_inventory(inventory: SystemInventory) -> None:
    """Print the inventory of one system as a tree."""
    platform = PLATFORM_NAMES[inventory.platform]
    parts = (inventory.system, platform, inventory.name, inventory.account, inventory.zone)
    tree = Tree(Text(" · ".join(filter(None, parts)), style="bold"), guide_style="dim")
    for title, lines in _branches(inventory):
        branch = tree.add(Text(f"{title} ({len(lines)})"))
        for line in lines:
            branch.add(Text(line))
    terminal.console().print(tree)


def _branches(inventory: SystemInventory) -> Iterator[tuple[str, list[str]]]:
    if not inventory.opened and not inventory.users:
        return
    is_v1 = inventory.platform == "leadconnector-v1"
    names = {user.id: user.name or user.email for user in inventory.users}
    groups = {group.id: group.name for group in inventory.groups}
    yield "users", _aligned(_user(inventory, user) for user in inventory.users)
    if inventory.platform == "leadsquared":
        yield (
            "appointment types",
            _aligned((kind.name, _usability(kind)) for kind in inventory.types),
        )
        return
    yield (
        "teams" if is_v1 else "groups",
        _aligned(
            (g.name, g.id, ", ".join(names.get(u, u) for u in g.users)) for g in inventory.groups
        ),
    )
    yield (
        "services" if is_v1 else "calendars",
        _aligned(_calendar(c, names, groups) for c in inventory.calendars),
    )
    if not is_v1:
        calendars = {calendar.id: calendar.name for calendar in inventory.calendars}
        for title, kind in (("rooms", "room"), ("equipment", "equipment")):
            of_kind = (r for r in inventory.resources if r.kind == kind)
            yield title, _aligned(_resource(r, calendars) for r in of_kind)
        yield (
            "associations",
            _aligned(
                (a.key, f"{a.first_key} -> {a.second_key}", a.id) for a in inventory.associations
            ),
        )


def _user(inventory: SystemInventory, user: UserInfo) -> tuple[str, ...]:
    id = "" if inventory.platform == "leadsquared" else user.id
    return (user.name, user.email, id, user.zone, "" if user.active else "inactive")


def _calendar(
    calendar: CalendarInfo, names: Mapping[str, str], groups: Mapping[str, str]
) -> tuple[str, ...]:
    users = ", ".join(names.get(user, user) for user in calendar.users) or "no users"
    kind = calendar.type if calendar.active else f"{calendar.type}, inactive"
    return (calendar.name, calendar.id, kind, users, groups.get(calendar.group, ""))


def _resource(resource: ResourceInfo, calendars: Mapping[str, str]) -> tuple[str, ...]:
    if resource.kind == "room":
        size = f"for {resource.capacity}" if resource.capacity is not None else ""
    else:
        size = f"{resource.quantity} units" if resource.quantity is not None else ""
        if resource.out_of_service:
            size += f", {resource.out_of_service} out of service"
    used = ", ".join(calendars.get(id, id) for id in resource.calendars) or "no calendar"
    return (resource.name, resource.id or "(no id)", size, used)


def _usability(kind: AppointmentType) -> str:
    if kind.unfit:
        return f"not usable for blocks: {'; '.join(kind.unfit)}"
    if kind.unknown:
        return f"usable for blocks if {' and '.join(kind.unknown)}, which the API does not show"
    return "usable for blocks"


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return one line per row, with the cells aligned in columns."""
    cells = [[cell or "" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
