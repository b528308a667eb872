"""How many meetings a service takes at one time: asked for only where that matters."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from syncd.systems.leadconnector_v1.events import calendars_of
from syncd.systems.leadconnector_v1.wire import Availability, Info, Service
from syncd.systems.loose import number, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.systems.leadconnector_v1.wire import Appointment


def crowded(items: Iterable[Appointment]) -> bool:
    """Whether a service has two records at one time: a class, or a double booking."""
    places = Counter((calendars_of(i)[:1], text(i.start_time)) for i in items if calendars_of(i))
    return any(together > 1 for together in places.values())


def seats_of(services: Iterable[object]) -> Mapping[str, int]:
    """The seats of the services that have several (leadconnector-v1.md 3.2, ``perSlot``)."""
    found = {text(s.id): _per_slot(s) for s in services if isinstance(s, Service)}
    return {service: seats for service, seats in found.items() if service and seats > 1}


def _per_slot(service: Service) -> int:
    when = service.availability
    info = when.appointment_info if isinstance(when, Availability) else None
    return (number(info.per_slot) if isinstance(info, Info) else None) or 1
