"""The checks of `syncd check` for a v2 location; they write nothing."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Window, zone
from syncd.systems.errors import PlatformError, RejectedError
from syncd.systems.findings import EMPTY_USER_LIST, calendar_only_finding
from syncd.systems.leadconnector import wire
from syncd.systems.leadconnector.directory import EVENT_TYPE, booked_on
from syncd.systems.leadconnector.plan import plan
from syncd.systems.leadconnector.resource_blocking import block_targets_of, unmapped_rooms
from syncd.systems.leadconnector.resources import normalize_resource
from syncd.systems.leadconnector.scope_remedies import lacks_scope, missing_scope
from syncd.systems.lenient import text
from syncd.systems.name_lookup import fold_name
from syncd.systems.port import CheckResult
from syncd.systems.remedies import cause_and_remedy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from datetime import datetime

    from syncd.systems.leadconnector.account import CalendarMapping
    from syncd.systems.leadconnector.calls import Api
    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.location_cache import LocationCache


async def check(
    system: str,
    calendars: Mapping[str, CalendarMapping],
    calls: Api,
    cache: LocationCache,
    now: datetime,
) -> list[CheckResult]:
    """Check token, location, calendars and users, and read one hour of each list from ``now``.

    A failed call becomes a check result.
    """
    findings = [finding async for finding in _calendars(system, calendars, calls, cache, now)]
    if any(finding.level == "error" for finding in findings[:1]):
        return findings  # With an unusable token every further call would fail, too.
    findings += [finding async for finding in _location(system, calls)]
    findings += [finding async for finding in _users(system, calendars, calls)]
    return findings


async def _calendars(
    system: str,
    calendars: Mapping[str, CalendarMapping],
    calls: Api,
    cache: LocationCache,
    now: datetime,
) -> AsyncIterator[CheckResult]:
    try:
        directory = await cache.calendars()
    except PlatformError as fault:
        yield _fault_result(system, fault, "calendars.readonly")
        return
    yield CheckResult(
        "ok", system, f"the token is accepted; the location has {len(directory)} calendars"
    )
    for provider, mapping in calendars.items():
        for calendar in (c for c in mapping.calendars if c not in directory):
            yield await _unlisted(system, provider, calendar, calls)
        for finding in _mapping(system, provider, mapping, directory):
            yield finding
    async for finding in _resources(system, calendars, directory, cache):
        yield finding
    async for finding in _groups(system, calendars, directory, calls):
        yield finding
    async for finding in _lists(system, calendars, directory, calls, now):
        yield finding


def _fault_result(subject: str, fault: PlatformError, scope: str) -> CheckResult:
    """Explain a failed call; ``scope`` is the permission of the token that the call needs."""
    if lacks_scope(fault):
        return missing_scope("error", subject, scope)
    return CheckResult("error", subject, *cause_and_remedy(fault))


async def _lists(
    system: str,
    calendars: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
    calls: Api,
    now: datetime,
) -> AsyncIterator[CheckResult]:
    """Read one hour of each kind of list."""
    hour = Window(now, now + timedelta(hours=1))
    listed_kinds = set()
    for call in plan(calendars, directory, {}, hour):
        (kind,) = call.kinds
        if kind in listed_kinds:
            continue
        listed_kinds.add(kind)
        try:
            await calls.listing(call)
        except PlatformError as fault:
            yield _fault_result(f"{system}: {kind} list", fault, "calendars/events.readonly")
        else:
            yield CheckResult("ok", f"{system}: {kind} list", "the list is readable")


async def _resources(
    system: str,
    calendars: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
    cache: LocationCache,
) -> AsyncIterator[CheckResult]:
    """Check that mapped resources exist and which of their calendars can be blocked."""
    wanted = {
        p: normalize_resource(mapping.resource)
        for p, mapping in calendars.items()
        if mapping.resource
    }
    if not wanted:
        return
    try:
        known = await cache.resources()
    except PlatformError as fault:
        remedy = "grant the scope calendars/resources.readonly to the token"
        yield CheckResult("error", f"{system}: rooms and equipment", str(fault), remedy)
        return
    for provider, key in sorted(wanted.items()):
        subject = f"{system}: {provider}"
        if key not in known:
            similar = [other for other in known if fold_name(other) == fold_name(key)]
            differs = f'; "{similar[0]}" differs only in case or accents' if similar else ""
            remedy = (
                f"correct {system} in [providers.{provider}.calendars], or run `syncd provision`"
            )
            message = f"no active resource, or more than one, has the name {key}{differs}"
            yield CheckResult("error", subject, message, remedy)
            continue
        calendar_count = len(known[key].calendars)
        yield CheckResult("ok", subject, f"{key} is used by {calendar_count} calendars")
    for room, calendar in unmapped_rooms(known, frozenset(wanted.values())):
        name = directory[calendar].name if calendar in directory else calendar
        remedy = "if the room is booked in other systems, make it a provider, too"
        message = (
            f"the room shares calendar {name!r} with a mapped room, but is not mapped: "
            "it always counts as free"
        )
        yield CheckResult("warning", f"{system}: {room}", message, remedy)
    for unblockable in block_targets_of(known, calendars, directory)[1]:
        yield CheckResult(
            "warning",
            f"{system}: calendar {unblockable.name!r}",
            unblockable.why,
            unblockable.remedy,
        )


async def _unlisted(system: str, provider: str, calendar: str, calls: Api) -> CheckResult:
    """Read a mapped calendar that the location's list lacks, to report the reason."""
    subject = f"{system}: {provider}"
    correct = f"correct {system} in [providers.{provider}.calendars]"
    try:
        row = await calls.calendar(calendar)
    except RejectedError:
        return CheckResult("error", subject, f"calendar {calendar} does not exist", correct)
    except PlatformError as fault:
        cause, remedy = cause_and_remedy(fault)
        return CheckResult(
            "warning", subject, f"calendar {calendar} could not be read: {system} {cause}", remedy
        )
    message = f"calendar {calendar} ({text(row.name)}) is not in the location's calendar list"
    return CheckResult(
        "warning", subject, message, f"activate the calendar in LeadConnector, or {correct}"
    )


async def _groups(
    system: str,
    calendars: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
    calls: Api,
) -> AsyncIterator[CheckResult]:
    """Report which groups save calls, because one call reads all calendars of a group."""
    mapped = {c for mapping in calendars.values() for c in booked_on(mapping, directory)}
    used = Counter(directory[c].group for c in mapped if c in directory and directory[c].group)
    if not used:
        return
    names = {}
    with suppress(PlatformError):  # Only the names are missing then.
        rows = (await calls.groups()).groups
        names = {text(row.id): text(row.name) for row in rows if isinstance(row, wire.Group)}
    for group, count in sorted(used.items()):
        if count > 1:
            name = names.get(group, group)
            message = f"{count} mapped calendars are read by one call"
            yield CheckResult("ok", f"{system}: group {name!r}", message)


def _mapping(
    system: str, provider: str, mapping: CalendarMapping, directory: Mapping[str, Calendar]
) -> Iterator[CheckResult]:
    """Compare one provider's mapping with the calendars of the location."""
    subject = f"{system}: {provider}"
    correct = f"correct {system} in [providers.{provider}.calendars]"
    for calendar in mapping.calendars:
        known = directory.get(calendar)
        if known is None:
            continue
        if mapping.user is not None and known.team and mapping.user not in known.team:
            yield CheckResult(
                "warning",
                subject,
                f"the user is not a team member of calendar {calendar}",
                f"add the user to the team in LeadConnector, or {correct}",
            )
    blockable = [c for c in mapping.calendars if c in directory and directory[c].type == EVENT_TYPE]
    if mapping.resource is not None:
        return
    if mapping.user is None and not blockable:
        yield CheckResult(
            "error",
            subject,
            "syncd can create no blocks: no user is mapped, and no calendar of type "
            f'"{EVENT_TYPE}"',
            f'add a user or a calendar of type "{EVENT_TYPE}", or set write = false: {correct}',
        )
    if mapping.user is None:
        team = any(directory[c].team for c in mapping.calendars if c in directory)
        yield calendar_only_finding(system, provider, team=team)
    if mapping.user is None and len(mapping.calendars) > 1:
        yield CheckResult(
            "warning",
            subject,
            "several calendars and no user are mapped: syncd blocks only the first one of type "
            f'"{EVENT_TYPE}"',
            "map a user, or make each calendar a provider of its own",
        )


async def _location(system: str, calls: Api) -> AsyncIterator[CheckResult]:
    try:
        location = await calls.location()
    except PlatformError as fault:
        remedy = (
            "grant the scope locations.readonly to the token; without it, times without a UTC "
            "offset are unreadable"
        )
        yield CheckResult("warning", f"{system}: location", str(fault), remedy)
        return
    name = text(location.timezone)
    try:
        zone(name)
    except ValueError:
        remedy = "set a valid time zone for the location in LeadConnector"
        message = f"the time zone {name!r} is unknown"
        yield CheckResult("warning", f"{system}: location", message, remedy)
    else:
        yield CheckResult("ok", f"{system}: location", f"the time zone is {name}")


async def _users(
    system: str, calendars: Mapping[str, CalendarMapping], calls: Api
) -> AsyncIterator[CheckResult]:
    wanted = {
        provider: mapping.user
        for provider, mapping in calendars.items()
        if mapping.user is not None
    }
    if not wanted:
        return
    try:
        rows = (await calls.users()).users
    except PlatformError as fault:
        remedy = "grant the scope users.readonly to the token, so that syncd can check the users"
        yield CheckResult("warning", f"{system}: users", str(fault), remedy)
        return
    known = {text(row.id) for row in rows if isinstance(row, wire.User)}
    if not known:
        # Seen on a working location: an empty list proves nothing about a user.
        yield CheckResult("warning", f"{system}: users", *EMPTY_USER_LIST)
        return
    for provider, user in wanted.items():
        subject = f"{system}: {provider}"
        if user in known:
            yield CheckResult("ok", subject, "the user exists")
        else:
            remedy = f"correct {system} in [providers.{provider}.calendars]"
            yield CheckResult(
                "error", subject, f"user {user} does not exist in this location", remedy
            )
