"""Check `cancel_path`: the path of LeadSquared's bulk cancel, which the operator copies by hand.

Every cancellation is sent to that path, so paths of other calls are rejected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from syncd.config.problems import InvalidValueError
from syncd.model import Status, Statuses

_HOW = (
    'Write only the part after "/v2/" in the address of your account\'s "Cancel Appointments in '
    'Bulk", like "Task.svc/NAME"; docs/leadsquared-cancel.md says where to find it.'
)

_PATH = re.compile(r"[A-Za-z]+\.svc(/[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*)+")

_KNOWN = frozenset(
    {
        "task.svc/bulk/create",
        "task.svc/bulkupdateappointmenttime",
        "task.svc/create",
        "task.svc/deletetasks",
        "task.svc/markcomplete",
        "task.svc/retrieve",
        "task.svc/retrieve.getbyid",
        "task.svc/retrieveappointments/byuseremailaddress",
        "task.svc/retrieveappointments/byuserid",
        "task.svc/retrieveappointments/byusersearchcriteria",
        "task.svc/retrieveavailableslots/byuseremailaddress",
        "task.svc/retrieveavailableslots/byusersearchcriteria",
        "task.svc/retrievetasktype",
        "task.svc/retrievetodos/byuseremailaddress",
        "task.svc/retrievetodos/byuserid",
        "task.svc/update",
    }
)
"""The documented calls of tasks (docs/platforms/leadsquared.md)."""

_SERVICES = frozenset(
    {"authentication.svc", "leadmanagement.svc", "usermanagement.svc", "webhook.svc"}
)
"""Services that do not handle appointments."""

_OTHER = re.compile(r"create|capture|update|postpone|reschedule|reassign|complete|retrieve|get")
_NEVER = re.compile(r"delete|remove|purge|erase|archive|uncancel|undo|restore")
"""Words that mark another call even if "cancel" is in its name, as in DeleteCancelledTasks."""


def _path(value: str) -> str:
    if "://" in value or value.startswith("//"):
        raise InvalidValueError("the path contains a host name", _HOW)
    if "?" in value or "#" in value:
        raise InvalidValueError("the path contains a query or a fragment", _HOW)
    if not _PATH.fullmatch(value):
        raise InvalidValueError("not the path of a LeadSquared call", _HOW)
    path = value.casefold()
    service = path.partition("/")[0]
    call = path.removeprefix(service)
    other = _NEVER.search(call) or ("cancel" not in call and _OTHER.search(call))
    if path in _KNOWN or service in _SERVICES or other:
        raise InvalidValueError("this call does not cancel appointments", _HOW)
    return value


CancelPath = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_path)]


_CANCELLED = "2"
"""The StatusCode that confirms a cancellation (docs/platforms/leadsquared.md#status)."""


def check_cancel(cancel_as: str, path: str | None, words: Mapping[str, Status]) -> None:
    """Check `cancel_path` and the related settings. Raises InvalidValueError.

    `cancel_path` must be set if ``cancel_as`` needs the path, and must be absent otherwise.
    ``words`` are the account's own status words: they must let reads show a cancellation.
    """
    if cancel_as == "cancel" and Statuses.of_leadsquared(words).status_of(_CANCELLED).busy:
        reason = f'the status "{_CANCELLED}" must not be busy: reads would show no cancellation'
        raise InvalidValueError(
            reason, f'Remove "{_CANCELLED}" from statuses.', under=("statuses",)
        )
    if cancel_as == "cancel" and path is None:
        reason = 'cancel_as = "cancel" needs the path to which cancellations are sent'
        raise InvalidValueError(reason, f"Add cancel_path. {_HOW}", under=("cancel_path",))
    if cancel_as != "cancel" and path is not None:
        reason = f'cancel_path has no effect with cancel_as = "{cancel_as}"'
        remedy = 'Remove cancel_path, or write cancel_as = "cancel".'
        raise InvalidValueError(reason, remedy, under=("cancel_path",))
