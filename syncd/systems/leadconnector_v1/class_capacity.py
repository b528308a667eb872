"""Class capacity: how many meetings a service takes at one time.

The services are read for this only when a list shows two customers at the same time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.model import Kind
from syncd.systems.leadconnector_v1.events import calendars_of
from syncd.systems.leadconnector_v1.wire import (
    Appointment,
    Info,
    Service,
    ServiceAvailability,
    contact_id,
)
from syncd.systems.lenient import number, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syncd.systems.leadconnector_v1.events import Parser
    from syncd.systems.lenient import LenientValue


def has_shared_slot(items: Sequence[Appointment | LenientValue], parser: Parser) -> bool:
    """Return true if two customers share service and start: a class or a double booking."""
    if not _may_share_a_slot(items):
        return False
    contacts: dict[tuple[str, str], str] = {}
    for item in items:
        if not isinstance(item, Appointment) or parser.kind(item) is not Kind.APPOINTMENT:
            continue
        contact, calendars = contact_id(item), calendars_of(item)
        if not contact or not calendars:
            continue
        if contacts.setdefault((calendars[0], text(item.start_time)), contact) != contact:
            return True
    return False


def _may_share_a_slot(items: Sequence[Any]) -> bool:
    """Return true if two rows may share a service and start; cheap enough for every row."""
    try:
        times = [(item.calendar_id, item.start_time) for item in items]
        return len(set(times)) < len(times)
    except (AttributeError, TypeError):  # Not an object, or a list instead of an id.
        return True


def class_capacities(services: Iterable[object]) -> Mapping[str, int]:
    """Return how many seats each service has, for services with more than one.

    See ``perSlot``, docs/platforms/leadconnector-v1.md#services.
    """
    seats_by_service = {text(s.id): _per_slot(s) for s in services if isinstance(s, Service)}
    return {service: seats for service, seats in seats_by_service.items() if service and seats > 1}


def _per_slot(service: Service) -> int:
    availability = service.availability
    info = availability.appointment_info if isinstance(availability, ServiceAvailability) else None
    return (number(info.per_slot) if isinstance(info, Info) else None) or 1
