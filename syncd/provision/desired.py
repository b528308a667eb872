"""Turn the configuration's tables into desired resources, in one vocabulary for all platforms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from syncd.config.provision import (
    AssociationWanted,
    EquipmentWanted,
    ObjectWanted,
    RoomWanted,
    ServiceWanted,
    TeamWanted,
)
from syncd.config.settings import LeadSquaredSystem, Settings
from syncd.systems.provisioning import Desired, Fields, ResourceType


def desired_resources(settings: Settings) -> list[Desired]:
    """Return all resources of the configuration, in the order in which they are created."""
    return sorted(_things(settings), key=lambda thing: [*ResourceType].index(thing.sort))


def _things(settings: Settings) -> Iterator[Desired]:
    for name, system in settings.systems.items():
        if isinstance(system, LeadSquaredSystem):
            yield Desired(name, ResourceType.BUSY_TYPE, system.busy_task_type)
    provision = settings.provision
    if provision is None:
        return
    for room in provision.rooms:
        yield Desired(room.system, ResourceType.ROOM, room.name, _room(room))
    for equipment in provision.equipment:
        yield Desired(
            equipment.system, ResourceType.EQUIPMENT, equipment.name, _equipment(equipment)
        )
    for kind in provision.objects:
        yield Desired(kind.system, ResourceType.OBJECT, kind.key, _object(kind))
    for association in provision.associations:
        yield Desired(
            association.system, ResourceType.ASSOCIATION, association.key, _association(association)
        )
    for team in provision.teams:
        yield Desired(team.system, ResourceType.TEAM, team.name, _team(team))
    for service in provision.services:
        yield Desired(service.system, ResourceType.SERVICE, service.name, _service(service))


def _room(room: RoomWanted) -> Fields:
    return {
        "description": room.description,
        "capacity": room.capacity,
        "quantity": room.quantity,
        "out_of_service": room.out_of_service,
        "calendars": list(room.calendars),
    }


def _equipment(equipment: EquipmentWanted) -> Fields:
    return {
        "description": equipment.description,
        "capacity": equipment.capacity,
        "quantity": equipment.quantity,
        "out_of_service": equipment.out_of_service,
        "calendars": [equipment.calendar] if equipment.calendar else [],
    }


def _object(kind: ObjectWanted) -> Fields:
    return {"singular": kind.singular, "plural": kind.plural, "primary": kind.primary}


def _association(association: AssociationWanted) -> Fields:
    """Return the two ends sorted by object, and which of them is first."""
    ends = [association.first, association.second]
    ends.sort(key=lambda end: end.object)
    return {
        "objects": [end.object for end in ends],
        "labels": [end.label for end in ends],
        "first": association.first.object,
    }


def _team(team: TeamWanted) -> Fields:
    return _stated(
        {
            "users": list(team.users),
            "calendar_name": team.calendar.name,
            "description": team.calendar.description,
            "slug": team.calendar.slug,
            "assign_contact": team.assign_contact,
            "skip_assigning_existing": team.skip_assigning_existing,
        }
    )


def _service(service: ServiceWanted) -> Fields:
    fields = service.model_dump(mode="json", exclude={"system", "name", "members", "hours"})
    members = [_stated(member.model_dump(mode="json")) for member in service.members]
    hours = {day: [list(span) for span in spans] for day, spans in service.hours.items()}
    nested = {key: _stated(fields[key]) for key in ("slot", "confirmation")}
    return _stated({**fields, **nested, "members": members, "hours": hours})


def _stated(fields: dict[str, Any]) -> Fields:
    """Return only the fields that the configuration contains."""
    return {key: value for key, value in fields.items() if value is not None}
