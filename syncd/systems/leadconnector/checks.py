"""What `syncd check` looks at on v2, without writing."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Window, zone
from syncd.systems.findings import EMPTY_USER_LIST, calendar_only_finding
from syncd.systems.leadconnector import wire
from syncd.systems.leadconnector.directory import EVENT_TYPE, booked_on
from syncd.systems.leadconnector.plan import plan
from syncd.systems.leadconnector.resource_blocking import block_targets_of, unmapped_rooms
from syncd.systems.leadconnector.resources import resource_key
from syncd.systems.leadconnector.scope_remedies import lacks_scope, missing_scope
from syncd.systems.lenient import text
from syncd.systems.name_lookup import fold_name
from syncd.systems.port import CheckResult, PlatformError, RejectedError
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
    """Look at token, location, calendars, users and both lists. A call that fails is a finding."""
    findings = [finding async for finding in _calendars(system, calendars, calls, cache, now)]
    if any(finding.level == "error" for finding in findings[:1]):
        return findings  # the token opens nothing: every further call would say so again
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
        yield _trouble(system, fault, "calendars.readonly")
        return
    yield CheckResult("ok", system, f"the token is accepted; {len(directory)} calendars")
    for provider, of in calendars.items():
        for calendar in (c for c in of.calendars if c not in directory):
            yield await _unlisted(system, provider, calendar, calls)
        for finding in _mapping(system, provider, of, directory):
            yield finding
    async for finding in _resources(system, calendars, directory, cache):
        yield finding
    async for finding in _grouping(system, calendars, directory, calls):
        yield finding
    async for finding in _lists(system, calendars, directory, calls, now):
        yield finding


def _trouble(subject: str, fault: PlatformError, scope: str) -> CheckResult:
    """What a failed call means; ``scope`` is what the token needs for it."""
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
    """Read an hour of each list."""
    hour = Window(now, now + timedelta(hours=1))
    tried = set()
    for call in plan(calendars, directory, {}, hour):
        (kind,) = call.kinds
        if kind in tried:
            continue
        tried.add(kind)
        try:
            await calls.listing(call)
        except PlatformError as fault:
            yield _trouble(f"{system}: {kind} list", fault, "calendars/events.readonly")
        else:
            yield CheckResult("ok", f"{system}: {kind} list", "it can be read")


async def _resources(
    system: str,
    calendars: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
    cache: LocationCache,
) -> AsyncIterator[CheckResult]:
    """See that mapped rooms and equipment are there, and which of their calendars can be closed."""
    wanted = {p: resource_key(of.resource) for p, of in calendars.items() if of.resource}
    if not wanted:
        return
    try:
        known = await cache.resources()
    except PlatformError as fault:
        remedy = "grant calendars/resources.readonly on the integration"
        yield CheckResult("error", f"{system}: rooms and equipment", str(fault), remedy)
        return
    for provider, key in sorted(wanted.items()):
        subject = f"{system}: {provider}"
        if key not in known:
            near = [other for other in known if fold_name(other) == fold_name(key)]
            differs = f'; "{near[0]}" differs only in case or accents' if near else ""
            remedy = f"correct {system} of [providers.{provider}.calendars], or `syncd provision`"
            message = f"no active resource is called {key}, or more than one{differs}"
            yield CheckResult("error", subject, message, remedy)
            continue
        count = len(known[key].calendars)
        yield CheckResult("ok", subject, f"{key} is used by {count} calendars")
    for room, calendar in unmapped_rooms(known, frozenset(wanted.values())):
        name = directory[calendar].name if calendar in directory else calendar
        remedy = "make it a provider, too, if it is booked in other systems"
        message = f"it shares {name!r} with a mapped room, and counts as always free"
        yield CheckResult("warning", f"{system}: {room}", message, remedy)
    for shut in block_targets_of(known, calendars, directory)[1]:
        yield CheckResult("warning", f"{system}: calendar {shut.name!r}", shut.why, shut.remedy)


async def _unlisted(system: str, provider: str, calendar: str, calls: Api) -> CheckResult:
    """Ask for a mapped calendar that the location's list does not name."""
    subject = f"{system}: {provider}"
    correct = f"correct {system} of [providers.{provider}.calendars]"
    try:
        found = await calls.calendar(calendar)
    except RejectedError:
        return CheckResult("error", subject, f"there is no calendar {calendar}", correct)
    except PlatformError as fault:
        cause, remedy = cause_and_remedy(fault)
        return CheckResult("warning", subject, f"calendar {calendar}: {cause}", remedy)
    message = f"calendar {calendar} ({text(found.name)}) is not in the location's list"
    return CheckResult("warning", subject, message, f"activate it in LeadConnector, or {correct}")


async def _grouping(
    system: str,
    calendars: Mapping[str, CalendarMapping],
    directory: Mapping[str, Calendar],
    calls: Api,
) -> AsyncIterator[CheckResult]:
    """Say which groups save calls: all calendars of a group are read by one."""
    mapped = {c for of in calendars.values() for c in booked_on(of, directory)}
    used = Counter(directory[c].group for c in mapped if c in directory and directory[c].group)
    if not used:
        return
    names = {}
    with suppress(
        PlatformError
    ):  # only names are missing; the lists themselves are looked at below
        rows = (await calls.groups()).groups
        names = {text(row.id): text(row.name) for row in rows if isinstance(row, wire.Group)}
    for group, count in sorted(used.items()):
        if count > 1:
            name = names.get(group, group)
            message = f"{count} mapped calendars are read by one call"
            yield CheckResult("ok", f"{system}: group {name!r}", message)


def _mapping(
    system: str, provider: str, of: CalendarMapping, directory: Mapping[str, Calendar]
) -> Iterator[CheckResult]:
    """Compare one provider's mapping with the calendars that there are."""
    subject = f"{system}: {provider}"
    correct = f"correct {system} of [providers.{provider}.calendars]"
    for calendar in of.calendars:
        known = directory.get(calendar)
        if known is None:
            continue
        if of.user is not None and known.team and of.user not in known.team:
            yield CheckResult(
                "warning",
                subject,
                f"the user is not on the team of calendar {calendar}",
                f"add the user to the team in LeadConnector, or {correct}",
            )
    blockable = [c for c in of.calendars if c in directory and directory[c].type == EVENT_TYPE]
    if of.resource is not None:
        return
    if of.user is None and not blockable:
        yield CheckResult(
            "error",
            subject,
            f'none of its calendars can be blocked: none is of type "{EVENT_TYPE}"',
            f"name a user, or an event calendar, or set write = false: {correct}",
        )
    if of.user is None:
        team = any(directory[c].team for c in of.calendars if c in directory)
        yield calendar_only_finding(system, provider, team=team)
    if of.user is None and len(of.calendars) > 1:
        yield CheckResult(
            "warning",
            subject,
            "several calendars without a user: only the first event calendar is blocked",
            "make one provider of each calendar",
        )


async def _location(system: str, calls: Api) -> AsyncIterator[CheckResult]:
    try:
        location = await calls.location()
    except PlatformError as fault:
        remedy = "grant locations.readonly, or accept that times without an offset are skipped"
        yield CheckResult("warning", f"{system}: location", str(fault), remedy)
        return
    name = text(location.timezone)
    try:
        zone(name)
    except ValueError:
        remedy = "set the time zone of the location in LeadConnector"
        message = f"its time zone {name!r} is unknown"
        yield CheckResult("warning", f"{system}: location", message, remedy)
    else:
        yield CheckResult("ok", f"{system}: location", f"its time zone is {name}")


async def _users(
    system: str, calendars: Mapping[str, CalendarMapping], calls: Api
) -> AsyncIterator[CheckResult]:
    wanted = {provider: of.user for provider, of in calendars.items() if of.user is not None}
    if not wanted:
        return
    try:
        rows = (await calls.users()).users
    except PlatformError as fault:
        remedy = "grant users.readonly to have the users looked at"
        yield CheckResult("warning", f"{system}: users", str(fault), remedy)
        return
    known = {text(row.id) for row in rows if isinstance(row, wire.User)}
    if not known:
        # Seen on a working location: it proves neither that a user exists nor that none does.
        yield CheckResult("warning", f"{system}: users", *EMPTY_USER_LIST)
        return
    for provider, user in wanted.items():
        subject = f"{system}: {provider}"
        if user in known:
            yield CheckResult("ok", subject, "the user exists")
        else:
            remedy = f"correct {system} of [providers.{provider}.calendars]"
            yield CheckResult("error", subject, f"there is no user {user}", remedy)
