"""The bulk cancel call of an account: its body is documented, its path is not.

See docs/platforms/leadsquared.md#completing-and-cancelling.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response

from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.leadsquared import fields
from syncd.lab.sandbox.leadsquared.account import AccountState
from syncd.lab.sandbox.leadsquared.records import TaskStatus
from syncd.lab.sandbox.platform import HTML_ERROR, RefusalError
from syncd.lab.sandbox.replies import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from starlette.types import Scope

    from syncd.lab.sandbox.platform import PlatformRequest


class AccountWithBulkCancel(AccountState):
    """An account that offers a call to cancel several tasks at once.

    ``cancelled`` has the ids of all tasks that were cancelled by this call.
    """

    def __init__(self, *arguments: object, **options: object) -> None:
        """Start with no cancelled tasks."""
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.cancelled: list[str] = []

    def existing_tasks(self, ids: Collection[str]) -> list[str]:
        """Return those of the given ids whose tasks exist and are not deleted."""
        tasks = [self.tasks.get(id) for id in ids]
        return [task.id for task in tasks if task is not None and not task.deleted]

    def _route(self, request: PlatformRequest, scope: Scope) -> Response:
        if request.method == "POST" and request.path == f"/{self.cancel_path}":
            try:
                return self._cancel(request)
            except RefusalError as refusal:
                return refusal.response
        return super()._route(request, scope)

    def _cancel(self, request: PlatformRequest) -> Response:
        """Cancel tasks, or respond in another way that the ``cancel_answer`` knob selects."""
        body = fields.read_body(request, {"TaskIds", "StatusWebhookURL"})
        fields.read_text(body, "StatusWebhookURL")
        ids = fields.require_strings(body, "TaskIds")
        self.check_rows(ids, self.existing_tasks(ids))
        match self.cancel_answer:
            case "html":
                return HTMLResponse(HTML_ERROR.format("Welcome back."), 200)
            case "error":
                text = "This operation is not available"
                return JSONResponse({"Status": "Error", "Message": text})
            case "forbidden":
                return JSONResponse({"Message": "Missing Authentication Token"}, 403)
            case "unknown":
                return self.unknown_route(request)
        self.cancelled += ids
        done = ids[:-1] if self.take_fault(FaultKind.FAIL_JOBS, request) else ids
        if self.cancel_answer == "nothing":
            done = []
        seconds = self.job_seconds(request, self.usual_job_seconds)
        job = self.queue(seconds, lambda: self._cancel_all(done))
        reply: dict[str, object] = {"Status": "Success"}
        if self.cancel_answer != "bare":
            reply["Message"] = {"Id": job, "IsSuccessful": True}
        return JSONResponse(reply if self.cancel_answer != "odd" else {"RequestId": job})

    def _cancel_all(self, ids: Sequence[str]) -> None:
        modified_by = self.users[self.key_user].id
        for id in ids:
            task = self.tasks.get(id)
            if task is not None and not task.deleted:
                cancelled = replace(task, status=TaskStatus.CANCELLED, modified_by=modified_by)
                self.tasks.put(id, replace(cancelled, modified_at=self.stamp()))
