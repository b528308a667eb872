"""The address of LeadSquared's bulk cancel: a path that a person copies from their browser.

Everything that is cancelled is sent there, so no call that does something else may be named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from syncd.config.problems import InvalidValueError
from syncd.model import Status, Statuses

_HOW = (
    'Write only what follows "/v2/" in the address of your account\'s "Cancel Appointments in '
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
"""Services of something else than appointments."""

_OTHER = re.compile(r"create|capture|update|postpone|reschedule|reassign|complete|retrieve|get")
_NEVER = re.compile(r"delete|remove|purge|erase|archive|uncancel|undo|restore")
"""Of what "cancel" in the name makes no cancel: DeleteCancelledTasks."""


def _path(value: str) -> str:
    if "://" in value or value.startswith("//"):
        raise InvalidValueError("it holds a host", _HOW)
    if "?" in value or "#" in value:
        raise InvalidValueError("it holds a query or a fragment", _HOW)
    if not _PATH.fullmatch(value):
        raise InvalidValueError("it is not the path of a LeadSquared call", _HOW)
    spelt = value.casefold()
    service = spelt.partition("/")[0]
    call = spelt.removeprefix(service)
    other = _NEVER.search(call) or ("cancel" not in call and _OTHER.search(call))
    if spelt in _KNOWN or service in _SERVICES or other:
        raise InvalidValueError("this call does something else than cancel appointments", _HOW)
    return value


CancelPath = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_path)]


_CANCELLED = "2"
"""The StatusCode by which a read confirms a cancellation (docs/platforms/leadsquared.md#status)."""


def check_cancel(cancel_as: str, path: str | None, words: Mapping[str, Status]) -> None:
    """Check that a path is named exactly where cancellations are sent, and that reads show them.

    ``words`` are the account's own status words. Raises InvalidValueError.
    """
    if cancel_as == "cancel" and Statuses.of_leadsquared(words).status_of(_CANCELLED).busy:
        reason = f'it makes "{_CANCELLED}" busy, so no read could show that a meeting is cancelled'
        raise InvalidValueError(reason, f'Leave "{_CANCELLED}" out.', under=("statuses",))
    if cancel_as == "cancel" and path is None:
        reason = 'cancel_as = "cancel" sends cancellations to an address, and none is named'
        raise InvalidValueError(reason, f"Add cancel_path. {_HOW}", under=("cancel_path",))
    if cancel_as != "cancel" and path is not None:
        reason = f'nothing is sent there while cancel_as = "{cancel_as}"'
        remedy = 'Leave cancel_path out, or write cancel_as = "cancel".'
        raise InvalidValueError(reason, remedy, under=("cancel_path",))
