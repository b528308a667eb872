"""Properties of a task type that matter for blocks (docs/platforms/leadsquared.md#task-types)."""

from __future__ import annotations

from syncd.systems.leadsquared.wire import Column, TaskType
from syncd.systems.lenient import number, text

_APPOINTMENT = 0


def is_appointment(kind: TaskType) -> bool:
    """Return whether tasks of the type take time; to-dos do not."""
    return number(kind.category) == _APPOINTMENT


def mandatory_fields(kind: TaskType) -> list[str]:
    """Return the custom fields that each task of the type must fill, which blocks cannot."""
    columns = kind.column_configuration
    if not isinstance(columns, list):
        return []
    return [
        text(column.schema_name) or text(column.display_name)
        for column in columns
        if isinstance(column, Column)
        and text(column.schema_name).startswith("mx_")
        and _flag(column.mandatory) is True
    ]


def allows_conflicts(kind: TaskType) -> bool | None:
    """Return whether the time of such a task can still be booked; None if the API does not say."""
    return _flag(kind.allow_conflicts)


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"1": True, "true": True, "0": False, "false": False}.get(text(value).casefold())
