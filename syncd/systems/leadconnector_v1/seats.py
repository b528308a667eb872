"""How many meetings a service takes at one time: asked for only where that matters."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from syncd.systems.leadconnector_v1.events import calendars_of
from syncd.systems.leadconnector_v1.wire import Availability, Info, Service, contact_id
from syncd.systems.loose import number, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.systems.leadconnector_v1.wire import Appointment


def crowded(items: Iterable[Appointment]) -> bool:
    """Whether a service has two customers at one time: a class, or a double booking."""
    guests: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in items:
        if calendars_of(item) and contact_id(item):
            guests[calendars_of(item)[0], text(item.start_time)].add(contact_id(item))
    return any(len(together) > 1 for together in guests.values())


def seats_of(services: Iterable[object]) -> Mapping[str, int]:
    """The seats of the services that have several (leadconnector-v1.md 3.2, ``perSlot``)."""
    found = {text(s.id): _per_slot(s) for s in services if isinstance(s, Service)}
    return {service: seats for service, seats in found.items() if service and seats > 1}


def _per_slot(service: Service) -> int:
    when = service.availability
    info = when.appointment_info if isinstance(when, Availability) else None
    return (number(info.per_slot) if isinstance(info, Info) else None) or 1
