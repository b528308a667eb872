"""Meetings with several hosts on v2: one record that takes the time of each of them.

A further host's share in a meeting is an event of its own here, as it is in syncd. People act on
the record, and each host's time is judged separately.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.lab.sandbox.consistency import FREEING_STATUSES
from syncd.lab.sandbox.scenario import PEOPLE
from syncd.lab.simulate.mass_edit import EventView
from syncd.lab.simulate.scenario import EventKind, SimEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncd.lab.sandbox.records import PlatformAppointment
    from syncd.lab.simulate.mass_edit import Change
    from syncd.lab.simulate.world import World

HOST_ACTS = (EventKind.ADD_HOST, EventKind.REMOVE_HOST, EventKind.HAND_OVER)
_MARK = "@users/"

MAX_WRITE_DELAY = timedelta(hours=26)
"""The longest delay between a manual change and a write: a whole scenario and some polls."""


def platform_id(event: str) -> str:
    """Return the platform's own id of an event."""
    return event.partition(_MARK)[0]


def is_share(event: str) -> bool:
    """Return true if an event is a further host's share in a meeting."""
    return _MARK in event


def simulator_id(event: str, provider: str) -> str:
    """Return the simulator's id for a syncd event id: it names a share by provider."""
    return f"{platform_id(event)}{_MARK}{provider}" if is_share(event) else event


def meeting_users(meeting: PlatformAppointment) -> tuple[str, ...]:
    """Return the users whose time a meeting takes, the assigned user first."""
    return (meeting.user, *getattr(meeting, "hosts", ()))


def shares(
    record: str, users: Iterable[str], owners: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield the events of a record, each with its provider; ``owners`` maps users to providers."""
    providers: set[str] = set()
    for user in users:
        provider = owners.get(user)
        if provider is not None and provider not in providers:
            yield (f"{record}{_MARK}{provider}" if providers else record), provider
            providers.add(provider)


def view_of(meeting: PlatformAppointment, provider: str, end: datetime) -> EventView:
    """Return a meeting as one of its hosts sees it."""
    return EventView(
        provider,
        "appointment",
        meeting.start,
        end,
        meeting.status not in FREEING_STATUSES,
        meeting.contact,
        meeting.status,
        (meeting.title, getattr(meeting, "description", "")),
    )


def has_shares(world: World, change: Change) -> bool:
    """Return true if the changed meeting has further hosts."""
    standing = world.events(change.system)
    return any(is_share(event) and platform_id(event) == change.event for event in standing)


def is_lost_by_update(world: World, change: Change) -> bool:
    """Return true if a platform dropped a further host because a request updated the meeting.

    It is unknown for every account whether updates keep the further hosts, and no request can name
    them, so the first update of such a meeting may lose them. `first_writes.judge_damage` counts
    that as damage.
    """
    record = platform_id(change.event)
    clinic = world.sandbox.clinic
    return (
        change.system == "clinic"
        and is_share(change.event)
        and change.after is None
        and clinic.update_drops_hosts
        and record in clinic.damaged
        and record in world.events("clinic")
    )


def blocks_moved_to(world: World, change: Change) -> Iterator[Change]:
    """Yield moves of syncd's blocks by hand, elsewhere, that this meeting follows by a rule.

    A moved block says where its calendar's meeting goes (docs/conflicts.md). It has no customer, so
    the customer cannot tell whose meeting it is.
    """
    if "reschedule" not in world.choices or change.before is None or change.after is None:
        return
    for other in world.changes:
        moved = (
            other.by_hand
            and (other.system, other.event) in world.ours
            and other.at > change.at - MAX_WRITE_DELAY
        )
        if moved and other.system != change.system and other.before and other.after:
            old = change.before.interval
            if other.before.interval == old and other.after.interval == change.after.interval:
                yield other


def changed_for_first_host(world: World, change: Change, changes: Iterable[Change]) -> bool:
    """Return true if one of these changes was made to the calendar of the meeting's first host.

    A recent first host counts, too: the write may have been decided before the change.
    """
    own_changes = [c for c in world.changes if (c.system, c.event) == (change.system, change.event)]
    firsts = {s.provider for c in own_changes for s in (c.before, c.after) if s is not None}
    return any(s.provider in firsts for c in changes for s in (c.before, c.after) if s is not None)


def perform(world: World, step: SimEvent) -> str:
    """Change the hosts of a meeting; return what was done, '' if no meeting fits."""
    if step.kind not in HOST_ACTS:
        return ""
    clinic = world.sandbox.clinic
    candidates = sorted(_meetings(world))
    if step.kind is not EventKind.ADD_HOST:
        candidates = [event for event in candidates if _further_hosts(world, event)]
    if not candidates:
        return ""
    event = candidates[step.number % len(candidates)]
    first = world.events("clinic")[event].provider
    others = _further_hosts(world, event)
    match step.kind:
        case EventKind.ADD_HOST:
            others_free = [provider for provider in PEOPLE if provider not in {first, *others}]
            others += others_free[step.slot % len(others_free) :][:1] if others_free else []
        case EventKind.REMOVE_HOST:
            others.pop(step.slot % len(others))
        case _:
            # In half of the cases the former owner stays a host.
            former = others.pop(step.slot % len(others))
            others += [first] if step.slot % 2 else []
            first = former
    user, *hosts = (
        world.seeded.seed_users["clinic", provider].user for provider in (first, *others)
    )
    clinic.set_hosts(event, user, hosts)
    return f"{step.kind} {event}: {first} with {', '.join(others) or 'nobody'}"


def _meetings(world: World) -> Iterator[str]:
    for event, view in world.events("clinic").items():
        if not is_share(event) and _is_ahead(world, view):
            yield event


def _is_ahead(world: World, view: EventView) -> bool:
    return view.kind == "appointment" and view.busy and view.start > world.clock.now()


def _further_hosts(world: World, event: str) -> list[str]:
    """Return the further hosts of a meeting."""
    standing = world.events("clinic").items()
    return sorted(s.provider for e, s in standing if is_share(e) and platform_id(e) == event)
