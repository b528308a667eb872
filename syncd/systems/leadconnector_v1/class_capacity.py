"""How many meetings a service takes at one time: asked for only where that matters."""

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
    """Whether a service has two customers at one time in a list: a class, or a double booking."""
    if not _share_a_time(items):
        return False
    guests: dict[tuple[str, str], str] = {}
    for item in items:
        if not isinstance(item, Appointment) or parser.kind(item) is not Kind.APPOINTMENT:
            continue
        guest, places = contact_id(item), calendars_of(item)
        if not guest or not places:
            continue
        if guests.setdefault((places[0], text(item.start_time)), guest) != guest:
            return True
    return False


def _share_a_time(items: Sequence[Any]) -> bool:
    """Whether two rows may be of one service and time: a look that is cheap enough for each row."""
    try:
        times = [(item.calendar_id, item.start_time) for item in items]
        return len(set(times)) < len(times)
    except (AttributeError, TypeError):  # no object at all, or a list where an id should be
        return True


def class_capacities(services: Iterable[object]) -> Mapping[str, int]:
    """The seats of the services that have several.

    See ``perSlot``, docs/platforms/leadconnector-v1.md#services.
    """
    found = {text(s.id): _per_slot(s) for s in services if isinstance(s, Service)}
    return {service: seats for service, seats in found.items() if service and seats > 1}


def _per_slot(service: Service) -> int:
    when = service.availability
    info = when.appointment_info if isinstance(when, ServiceAvailability) else None
    return (number(info.per_slot) if isinstance(info, Info) else None) or 1
