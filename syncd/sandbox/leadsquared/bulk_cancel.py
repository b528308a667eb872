"""The bulk cancel call of an account: its body is documented, its path is not.

See docs/platforms/leadsquared.md#completing-and-cancelling.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response

from syncd.sandbox.faults import FaultKind
from syncd.sandbox.leadsquared import fields
from syncd.sandbox.leadsquared.account import AccountState
from syncd.sandbox.leadsquared.records import TaskStatus
from syncd.sandbox.platform import HTML_ERROR, RefusalError
from syncd.sandbox.replies import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from starlette.types import Scope

    from syncd.sandbox.platform import PlatformRequest


class AccountWithBulkCancel(AccountState):
    """An account with a bulk cancel. ``cancelled`` are the ids of all tasks in such calls."""

    def __init__(self, *given: object, **named: object) -> None:
        """Start with no cancelled tasks."""
        super().__init__(*given, **named)  # type: ignore[arg-type]
        self.cancelled: list[str] = []

    def existing_tasks(self, ids: Collection[str]) -> list[str]:
        """Return the ids of those tasks that exist and are not deleted."""
        found = [self.tasks.get(id) for id in ids]
        return [task.id for task in found if task is not None and not task.deleted]

    def _route(self, ask: PlatformRequest, scope: Scope) -> Response:
        if ask.method == "POST" and ask.path == f"/{self.cancel_path}":
            try:
                return self._cancel(ask)
            except RefusalError as refusal:
                return refusal.response
        return super()._route(ask, scope)

    def _cancel(self, ask: PlatformRequest) -> Response:
        """Cancel tasks, or answer in another way that the ``cancel_answer`` knob selects."""
        given = fields.read_body(ask, {"TaskIds", "StatusWebhookURL"})
        fields.read_text(given, "StatusWebhookURL")
        ids = fields.require_strings(given, "TaskIds")
        self.check_rows(ids, self.existing_tasks(ids))
        match self.cancel_answer:
            case "html":
                return HTMLResponse(HTML_ERROR.format("Welcome back."), 200)
            case "error":
                words = "This operation is not available"
                return JSONResponse({"Status": "Error", "Message": words})
            case "forbidden":
                return JSONResponse({"Message": "Missing Authentication Token"}, 403)
            case "unknown":
                return self.unknown_route(ask)
        self.cancelled += ids
        done = ids[:-1] if self.take_fault(FaultKind.FAIL_JOBS, ask) else ids
        if self.cancel_answer == "nothing":
            done = []
        seconds = self.job_seconds(ask, self.usual_job_seconds)
        job = self.queue(seconds, lambda: self._cancel_all(done))
        body: dict[str, object] = {"Status": "Success"}
        if self.cancel_answer != "bare":
            body["Message"] = {"Id": job, "IsSuccessful": True}
        return JSONResponse(body if self.cancel_answer != "odd" else {"RequestId": job})

    def _cancel_all(self, ids: Sequence[str]) -> None:
        by = self.users[self.key_user].id
        for id in ids:
            task = self.tasks.get(id)
            if task is not None and not task.deleted:
                off = replace(task, status=TaskStatus.CANCELLED, modified_by=by)
                self.tasks.put(id, replace(off, modified_at=self.stamp()))
