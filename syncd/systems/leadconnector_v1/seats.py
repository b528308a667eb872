"""How many meetings a service takes at one time: asked for only where that matters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.model import Kind
from syncd.systems.leadconnector_v1.events import calendars_of
from syncd.systems.leadconnector_v1.wire import Availability, Info, Service, contact_id
from syncd.systems.loose import number, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncd.systems.leadconnector_v1.events import Reader
    from syncd.systems.leadconnector_v1.wire import Appointment


@dataclass(slots=True)
class Crowd:
    """Whether a service has two customers at one time: a class, or a double booking."""

    reader: Reader
    found: bool = False
    _guests: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, items: Iterable[Appointment]) -> None:
        """Look at some of the list's rows."""
        for item in items:
            guest, places = contact_id(item), calendars_of(item)
            if not guest or not places or self.reader.kind(item) is not Kind.APPOINTMENT:
                continue
            if self._guests.setdefault((places[0], text(item.start_time)), guest) != guest:
                self.found = True
                return


def seats_of(services: Iterable[object]) -> Mapping[str, int]:
    """The seats of the services that have several (leadconnector-v1.md 3.2, ``perSlot``)."""
    found = {text(s.id): _per_slot(s) for s in services if isinstance(s, Service)}
    return {service: seats for service, seats in found.items() if service and seats > 1}


def _per_slot(service: Service) -> int:
    when = service.availability
    info = when.appointment_info if isinstance(when, Availability) else None
    return (number(info.per_slot) if isinstance(info, Info) else None) or 1
