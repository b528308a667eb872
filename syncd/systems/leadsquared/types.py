"""What a task type lets blocks do (docs/platforms/leadsquared.md)."""

from __future__ import annotations

from syncd.systems.leadsquared.wire import Column, TaskType
from syncd.systems.lenient import number, text

_APPOINTMENT = 0


def is_appointment(kind: TaskType) -> bool:
    """Whether its tasks take time; to-dos do not."""
    return number(kind.category) == _APPOINTMENT


def mandatory_fields(kind: TaskType) -> list[str]:
    """The custom fields that every task of the type must fill, which a block cannot."""
    columns = kind.column_configuration
    if not isinstance(columns, list):
        return []
    return [
        text(column.schema_name) or text(column.display_name)
        for column in columns
        if isinstance(column, Column)
        and text(column.schema_name).startswith("mx_")
        and _says(column.mandatory) is True
    ]


def allows_conflicts(kind: TaskType) -> bool | None:
    """Whether its tasks leave their time open for booking; None where the answer does not say."""
    return _says(kind.allow_conflicts)


def _says(flag: object) -> bool | None:
    if isinstance(flag, bool):
        return flag
    return {"1": True, "true": True, "0": False, "false": False}.get(text(flag).casefold())
