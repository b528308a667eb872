"""What `syncd check` looks at on v2, without writing."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from syncd.model import Window, zone
from syncd.systems.advice import cause_and_remedy
from syncd.systems.findings import EMPTY_USER_LIST, calendar_only_finding
from syncd.systems.leadconnector import wire
from syncd.systems.leadconnector.advice import lacks_scope, missing_scope
from syncd.systems.leadconnector.closing import doors_of, unmapped_rooms
from syncd.systems.leadconnector.directory import EVENT, booked_on
from syncd.systems.leadconnector.plan import plan
from syncd.systems.leadconnector.resources import resource_key
from syncd.systems.loose import text
from syncd.systems.names import folded
from syncd.systems.port import Finding, Rejected, SystemFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from datetime import datetime

    from syncd.systems.leadconnector.account import CalendarOf
    from syncd.systems.leadconnector.calls import Calls
    from syncd.systems.leadconnector.directory import Calendar
    from syncd.systems.leadconnector.knowledge import Knowledge


async def check(
    system: str,
    calendars: Mapping[str, CalendarOf],
    calls: Calls,
    knowledge: Knowledge,
    now: datetime,
) -> list[Finding]:
    """Look at token, location, calendars, users and both lists. A call that fails is a finding."""
    findings = [finding async for finding in _calendars(system, calendars, calls, knowledge, now)]
    if any(finding.level == "error" for finding in findings[:1]):
        return findings  # the token opens nothing: every further call would say so again
    findings += [finding async for finding in _location(system, calls)]
    findings += [finding async for finding in _users(system, calendars, calls)]
    return findings


async def _calendars(
    system: str,
    calendars: Mapping[str, CalendarOf],
    calls: Calls,
    knowledge: Knowledge,
    now: datetime,
) -> AsyncIterator[Finding]:
    try:
        directory = await knowledge.calendars()
    except SystemFault as fault:
        yield _trouble(system, fault, "calendars.readonly")
        return
    yield Finding("ok", system, f"the token is accepted; {len(directory)} calendars")
    for provider, of in calendars.items():
        for calendar in (c for c in of.calendars if c not in directory):
            yield await _unlisted(system, provider, calendar, calls)
        for finding in _mapping(system, provider, of, directory):
            yield finding
    async for finding in _resources(system, calendars, directory, knowledge):
        yield finding
    async for finding in _grouping(system, calendars, directory, calls):
        yield finding
    async for finding in _lists(system, calendars, directory, calls, now):
        yield finding


def _trouble(subject: str, fault: SystemFault, scope: str) -> Finding:
    """What a failed call means; ``scope`` is what the token needs for it."""
    if lacks_scope(fault):
        return missing_scope("error", subject, scope)
    return Finding("error", subject, *cause_and_remedy(fault))


async def _lists(
    system: str,
    calendars: Mapping[str, CalendarOf],
    directory: Mapping[str, Calendar],
    calls: Calls,
    now: datetime,
) -> AsyncIterator[Finding]:
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
        except SystemFault as fault:
            yield _trouble(f"{system}: {kind} list", fault, "calendars/events.readonly")
        else:
            yield Finding("ok", f"{system}: {kind} list", "it can be read")


async def _resources(
    system: str,
    calendars: Mapping[str, CalendarOf],
    directory: Mapping[str, Calendar],
    knowledge: Knowledge,
) -> AsyncIterator[Finding]:
    """See that mapped rooms and equipment are there, and which of their calendars can be closed."""
    wanted = {p: resource_key(of.resource) for p, of in calendars.items() if of.resource}
    if not wanted:
        return
    try:
        known = await knowledge.resources()
    except SystemFault as fault:
        remedy = "grant calendars/resources.readonly on the integration"
        yield Finding("error", f"{system}: rooms and equipment", str(fault), remedy)
        return
    for provider, key in sorted(wanted.items()):
        subject = f"{system}: {provider}"
        if key not in known:
            near = [other for other in known if folded(other) == folded(key)]
            differs = f'; "{near[0]}" differs only in case or accents' if near else ""
            remedy = f"correct {system} of [providers.{provider}.calendars], or `syncd provision`"
            message = f"no active resource is called {key}, or more than one{differs}"
            yield Finding("error", subject, message, remedy)
            continue
        count = len(known[key].calendars)
        yield Finding("ok", subject, f"{key} is used by {count} calendars")
    for room, calendar in unmapped_rooms(known, frozenset(wanted.values())):
        name = directory[calendar].name if calendar in directory else calendar
        remedy = "make it a provider, too, if it is booked in other systems"
        message = f"it shares {name!r} with a mapped room, and counts as always free"
        yield Finding("warning", f"{system}: {room}", message, remedy)
    for shut in doors_of(known, calendars, directory)[1]:
        yield Finding("warning", f"{system}: calendar {shut.name!r}", shut.why, shut.remedy)


async def _unlisted(system: str, provider: str, calendar: str, calls: Calls) -> Finding:
    """Ask for a mapped calendar that the location's list does not name."""
    subject = f"{system}: {provider}"
    correct = f"correct {system} of [providers.{provider}.calendars]"
    try:
        found = await calls.calendar(calendar)
    except Rejected:
        return Finding("error", subject, f"there is no calendar {calendar}", correct)
    except SystemFault as fault:
        cause, remedy = cause_and_remedy(fault)
        return Finding("warning", subject, f"calendar {calendar}: {cause}", remedy)
    message = f"calendar {calendar} ({text(found.name)}) is not in the location's list"
    return Finding("warning", subject, message, f"activate it in LeadConnector, or {correct}")


async def _grouping(
    system: str,
    calendars: Mapping[str, CalendarOf],
    directory: Mapping[str, Calendar],
    calls: Calls,
) -> AsyncIterator[Finding]:
    """Say which groups save calls: all calendars of a group are read by one."""
    mapped = {c for of in calendars.values() for c in booked_on(of, directory)}
    used = Counter(directory[c].group for c in mapped if c in directory and directory[c].group)
    if not used:
        return
    names = {}
    with suppress(SystemFault):  # only names are missing; the lists themselves are looked at below
        rows = (await calls.groups()).groups
        names = {text(row.id): text(row.name) for row in rows if isinstance(row, wire.Group)}
    for group, count in sorted(used.items()):
        if count > 1:
            name = names.get(group, group)
            message = f"{count} mapped calendars are read by one call"
            yield Finding("ok", f"{system}: group {name!r}", message)


def _mapping(
    system: str, provider: str, of: CalendarOf, directory: Mapping[str, Calendar]
) -> Iterator[Finding]:
    """Compare one provider's mapping with the calendars that there are."""
    subject = f"{system}: {provider}"
    correct = f"correct {system} of [providers.{provider}.calendars]"
    for calendar in of.calendars:
        known = directory.get(calendar)
        if known is None:
            continue
        if of.user is not None and known.team and of.user not in known.team:
            yield Finding(
                "warning",
                subject,
                f"the user is not on the team of calendar {calendar}",
                f"add the user to the team in LeadConnector, or {correct}",
            )
    blockable = [c for c in of.calendars if c in directory and directory[c].type == EVENT]
    if of.resource is not None:
        return
    if of.user is None and not blockable:
        yield Finding(
            "error",
            subject,
            f'none of its calendars can be blocked: none is of type "{EVENT}"',
            f"name a user, or an event calendar, or set write = false: {correct}",
        )
    if of.user is None:
        team = any(directory[c].team for c in of.calendars if c in directory)
        yield calendar_only_finding(system, provider, team=team)
    if of.user is None and len(of.calendars) > 1:
        yield Finding(
            "warning",
            subject,
            "several calendars without a user: only the first event calendar is blocked",
            "make one provider of each calendar",
        )


async def _location(system: str, calls: Calls) -> AsyncIterator[Finding]:
    try:
        location = await calls.location()
    except SystemFault as fault:
        remedy = "grant locations.readonly, or accept that times without an offset are skipped"
        yield Finding("warning", f"{system}: location", str(fault), remedy)
        return
    name = text(location.timezone)
    try:
        zone(name)
    except ValueError:
        remedy = "set the time zone of the location in LeadConnector"
        message = f"its time zone {name!r} is unknown"
        yield Finding("warning", f"{system}: location", message, remedy)
    else:
        yield Finding("ok", f"{system}: location", f"its time zone is {name}")


async def _users(
    system: str, calendars: Mapping[str, CalendarOf], calls: Calls
) -> AsyncIterator[Finding]:
    wanted = {provider: of.user for provider, of in calendars.items() if of.user is not None}
    if not wanted:
        return
    try:
        rows = (await calls.users()).users
    except SystemFault as fault:
        remedy = "grant users.readonly to have the users looked at"
        yield Finding("warning", f"{system}: users", str(fault), remedy)
        return
    known = {text(row.id) for row in rows if isinstance(row, wire.User)}
    if not known:
        # Seen on a working location: it proves neither that a user exists nor that none does.
        yield Finding("warning", f"{system}: users", *EMPTY_USER_LIST)
        return
    for provider, user in wanted.items():
        subject = f"{system}: {provider}"
        if user in known:
            yield Finding("ok", subject, "the user exists")
        else:
            remedy = f"correct {system} of [providers.{provider}.calendars]"
            yield Finding("error", subject, f"there is no user {user}", remedy)
