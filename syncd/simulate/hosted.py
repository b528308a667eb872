"""Meetings of several hosts on v2: one record that takes the time of each of them.

A further host's share in a meeting is an event of its own here, as it is for syncd: people act on
the record, and each host's time is judged apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.sandbox.consistency import FREEING_STATUSES
from syncd.sandbox.scenario import PEOPLE
from syncd.simulate.mass_edit import View
from syncd.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.sandbox.records import PlatformAppointment
    from syncd.simulate.mass_edit import Change
    from syncd.simulate.world import World

HOSTS = (EventKind.ADD_HOST, EventKind.REMOVE_HOST, EventKind.HAND_OVER)
_MARK = "@users/"

DAY = timedelta(hours=26)
"""How late a write may follow what a person said, at the most: a whole story and some polls."""


def record_of(event: str) -> str:
    """Return the platform's own id behind an event."""
    return event.partition(_MARK)[0]


def is_share(event: str) -> bool:
    """Return whether an event is a further host's share in a meeting."""
    return _MARK in event


def known_as(event: str, provider: str) -> str:
    """Return the event here that syncd knows by this id: a share is named by its person here."""
    return f"{record_of(event)}{_MARK}{provider}" if is_share(event) else event


def users_of(meeting: PlatformAppointment) -> tuple[str, ...]:
    """Return the users whose time a meeting takes, the assigned one first."""
    return (meeting.user, *getattr(meeting, "hosts", ()))


def shares(
    record: str, users: Iterable[str], owners: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield the events that a record is, each with its provider; ``owners`` are by user."""
    found: set[str] = set()
    for user in users:
        provider = owners.get(user)
        if provider is not None and provider not in found:
            yield (f"{record}{_MARK}{provider}" if found else record), provider
            found.add(provider)


def seen(meeting: PlatformAppointment, provider: str, end: datetime) -> View:
    """Return what a meeting is to one of its hosts."""
    return View(
        provider,
        "appointment",
        meeting.start,
        end,
        meeting.status not in FREEING_STATUSES,
        meeting.contact,
        meeting.status,
        (meeting.title, getattr(meeting, "description", "")),
    )


def has_shares(town: World, change: Change) -> bool:
    """Return whether the changed meeting has further hosts."""
    standing = town.standing(change.system)
    return any(is_share(event) and record_of(event) == change.event for event in standing)


def is_lost_by_update(town: World, change: Change) -> bool:
    """Return whether a platform dropped a further host because a request updated the meeting.

    Whether updates keep the further hosts is not known of any account, and no request can name
    them, so the first update of such a meeting may lose them whatever it sends. That damages one
    appointment as any other damage does: `first_writes.judge_damage` counts it.
    """
    record = record_of(change.event)
    clinic = town.sandbox.clinic
    return (
        change.system == "clinic"
        and is_share(change.event)
        and change.after is None
        and clinic.update_drops_hosts
        and record in clinic.damaged
        and record in town.standing("clinic")
    )


def blocks_moved_to(town: World, change: Change) -> Iterator[Change]:
    """Yield the moves of our blocks, by hand and elsewhere, that this meeting follows by a rule.

    A moved block says where its calendar's meeting goes (docs/conflicts.md), and is with nobody:
    the customer of the meeting does not tell whose it is.
    """
    if "reschedule" not in town.choices or change.before is None or change.after is None:
        return
    for other in town.changes:
        moved = (
            other.by_hand
            and (other.system, other.event) in town.ours
            and other.at > change.at - DAY
        )
        if moved and other.system != change.system and other.before and other.after:
            old = change.before.interval
            if other.before.interval == old and other.after.interval == change.after.interval:
                yield other


def told_by_first(town: World, change: Change, told: Iterable[Change]) -> bool:
    """Return whether one of these changes was made to the calendar of a first host of the meeting.

    Whoever was its first host of late counts, too: the write may have been decided on before.
    """
    past = [c for c in town.changes if (c.system, c.event) == (change.system, change.event)]
    firsts = {s.provider for c in past for s in (c.before, c.after) if s is not None}
    return any(s.provider in firsts for c in told for s in (c.before, c.after) if s is not None)


def perform(town: World, step: SimEvent) -> str:
    """Change the hosts of a meeting; return what was done, '' if no meeting fits."""
    if step.kind not in HOSTS:
        return ""
    clinic = town.sandbox.clinic
    found = sorted(_meetings(town))
    if step.kind is not EventKind.ADD_HOST:
        found = [event for event in found if _further(town, event)]
    if not found:
        return ""
    event = found[step.number % len(found)]
    first = town.standing("clinic")[event].provider
    others = _further(town, event)
    match step.kind:
        case EventKind.ADD_HOST:
            free = [who for who in PEOPLE if who not in {first, *others}]
            others += free[step.slot % len(free) :][:1] if free else []
        case EventKind.REMOVE_HOST:
            others.pop(step.slot % len(others))
        case _:
            # Half of the time whoever had it stays a host.
            given = others.pop(step.slot % len(others))
            others += [first] if step.slot % 2 else []
            first = given
    user, *hosts = (town.world.seed_users["clinic", who].user for who in (first, *others))
    clinic.set_hosts(event, user, hosts)
    return f"{step.kind} {event}: {first} with {', '.join(others) or 'nobody'}"


def _meetings(town: World) -> Iterator[str]:
    for event, seen in town.standing("clinic").items():
        if not is_share(event) and _is_ahead(town, seen):
            yield event


def _is_ahead(town: World, seen: View) -> bool:
    return seen.kind == "appointment" and seen.busy and seen.start > town.clock.now()


def _further(town: World, event: str) -> list[str]:
    """Return the further hosts of a meeting."""
    standing = town.standing("clinic").items()
    return sorted(s.provider for e, s in standing if is_share(e) and record_of(e) == event)
