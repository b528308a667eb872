"""The HTTP interface of an account.

Anchors such as (#errors) are sections of docs/platforms/leadsquared.md.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from syncd.lab.sandbox.damage import Damage, damaged_task
from syncd.lab.sandbox.faults import FaultKind
from syncd.lab.sandbox.leadsquared import fields, wire
from syncd.lab.sandbox.leadsquared.bulk_cancel import AccountWithBulkCancel
from syncd.lab.sandbox.leadsquared.records import (
    AccountUser,
    Category,
    RelatedEntity,
    TaskRecord,
    TaskStatus,
    TaskTypeRecord,
)
from syncd.lab.sandbox.leadsquared.slots import Span, day_slots
from syncd.lab.sandbox.platform import HTML_ERROR
from syncd.lab.sandbox.replies import JsonObject, JSONResponse
from syncd.model import zone
from syncd.model.platform_facts import PlatformKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncd.lab.sandbox.contacts import ContactRecord
    from syncd.lab.sandbox.platform import PlatformRequest

TYPE_COLUMNS: Mapping[str, Callable[[TaskTypeRecord], str]] = {
    "TaskTypeId": lambda each: each.id,
    "TaskTypeName": lambda each: each.name,
    "Category": lambda each: str(int(each.category)),
}
MAX_DELETES = 5000
_ANY_HOST = "UserByAccessKey.Get"
"""The only call that every host answers (#hosts)."""


class EmulatedLeadSquared(AccountWithBulkCancel):
    """An emulated LeadSquared account: `AccountState` served over HTTP.

    ``keys_in_query`` counts the requests with keys in the query, where logs would record them.
    """

    kind = PlatformKind.LEADSQUARED
    event_lists = ("/Task.svc/RetrieveAppointments/ByUserEmailAddress",)
    base_path = "/v2"
    hidden_params = frozenset({"accessKey", "secretKey", "emailaddress", "phone"})

    keys_in_query = 0

    # --- overrides of Platform ----------------------------------------------------------------

    def routes(self) -> Sequence[Route]:
        """Return the served calls."""
        task, lead = "/Task.svc", "/LeadManagement.svc"
        table: list[tuple[str, str, Callable[[PlatformRequest], Response]]] = [
            ("POST", f"{task}/RetrieveAppointments/ByUserEmailAddress", self._list_appointments),
            ("GET", f"{task}/Retrieve.GetById", self._get_task),
            ("POST", f"{task}/Create", self._create),
            ("POST", f"{task}/BulkUpdateAppointmentTime", self._update_times),
            ("POST", f"{task}/DeleteTasks", self._delete_tasks),
            ("GET", f"{task}/MarkComplete", self._mark_complete),
            ("GET", f"{task}/RetrieveTaskType", self._list_types),
            ("POST", f"{task}/RetrieveAvailableSlots/ByUserEmailAddress", self._list_slots),
            ("GET", "/UserManagement.svc/Users.Get", self._list_users),
            ("GET", "/Authentication.svc/UserByAccessKey.Get", self._key_user),
            ("GET", f"{lead}/Leads.GetById", self._lead_by_id),
            ("GET", f"{lead}/Leads.GetByEmailaddress", self._lead_by_email),
            ("GET", f"{lead}/RetrieveLeadByPhoneNumber", self._lead_by_phone),
        ]
        return [Route(path, endpoint, methods=[verb]) for verb, path, endpoint in table]

    def authorise(self, request: PlatformRequest) -> Response | None:
        """Check the keys, in headers or in the query, and that their user is active (#access)."""
        in_query = (request.query.get("accessKey"), request.query.get("secretKey"))
        if any(in_query):
            self.keys_in_query += 1
        in_headers = (
            request.headers.get("x-lsq-accesskey"),
            request.headers.get("x-lsq-secretkey"),
        )
        keys = in_headers if any(in_headers) else in_query
        is_valid = keys == (self.access_key, self.secret_key)
        if not (is_valid and self._me.active):
            return self.unauthorised(request)
        if self.home_host and not request.path.endswith(_ANY_HOST):
            words = f"This account is served by {self.home_host}. Please use that API host."
            return fields.error_reply(401, "MXUnAuthorizedException", words)
        return None

    def unknown_route(self, request: PlatformRequest) -> Response:  # noqa: ARG002 - one answer for all
        """Respond to a wrong path or method with 404 and an HTML page."""
        return HTMLResponse(HTML_ERROR.format("Endpoint not found."), 404)

    def unauthorised(self, request: PlatformRequest) -> Response:  # noqa: ARG002 - one answer for all
        """Reject wrong keys."""
        message = "Invalid AccessKey or SecretKey"
        return fields.error_reply(401, "MXAuthenticationFailedException", message)

    def rate_limited(self, request: PlatformRequest, spelling: str) -> Response:  # noqa: ARG002 - one answer for all
        """Refuse a call beyond the limit, with one of three statuses and always the same text.

        See docs/platforms/leadsquared.md#rate-limits.
        """
        most, seconds = (self.limit.max_requests, self.limit.interval) if self.limit else (25, 5)
        message = f"API calls exceeded the limit of {most} in {int(seconds)} second(s)"
        status = int(spelling or self.rate_spelling)
        return fields.error_reply(status, "MXAPIRateLimitExceededException", message)

    # --- reading tasks ------------------------------------------------------------------------

    def _list_appointments(self, request: PlatformRequest) -> Response:
        """List appointments that start in the window (#listing-appointments).

        With ``lists_overlapping`` the list includes appointments that reach into the window.
        """
        body = fields.read_body(request, fields.LIST_FIELDS)
        start, end = fields.read_window(body, self.date_zone or self.timezone)
        user_ids = {user.id for user in self._users_asked(body)}
        page = fields.read_paging(body, self.largest_page)
        rows = [
            self._shown(task)
            for task in self.tasks.values(self.as_of(request))
            if task.owner in user_ids
            and self.is_in_window(task, (start, end))
            and not task.deleted
            and self.types[task.type].category is Category.APPOINTMENT
            and (self.lists_completed or task.status is not TaskStatus.COMPLETE)
            and (self.lists_cancelled or task.status is not TaskStatus.CANCELLED)
        ]
        rows.sort(key=lambda row: row["DueDate"])
        return self._list(request, rows, page)

    def _get_task(self, request: PlatformRequest) -> Response:
        """Answer with an array of one task, or of none (#reading-one-task)."""
        task = self.tasks.get(self._query(request, "id"))
        return JSONResponse([self._shown(task)] if task and not task.deleted else [])

    # --- writing tasks ------------------------------------------------------------------------

    def _create(self, request: PlatformRequest) -> Response:
        body = fields.read_body(request, fields.CREATE_FIELDS)
        name = fields.read_plain_text(body, "Name") or fields.refuse_missing("Name")
        type = self._type(body)
        owner = self._owner(body)
        start, end = self._times(body, type)
        now = self.stamp()
        task = TaskRecord(
            id=self.new_id(),
            number=self.next_number(),
            type=type.name,
            owner=owner.id,
            name=self.stored_text(request, name),
            start=self.stored_time(request, start),
            end=self.stored_time(request, end),
            created_by=self._me.id,
            created_at=now,
            modified_by=self._me.id,
            modified_at=now,
            lead=self._related(body),
            description=self.stored_text(request, fields.read_plain_text(body, "Description")),
            location=fields.read_plain_text(body, "Location"),
            notify_by=fields.read_notify_by(body),
            reminder=fields.read_number(body, "Reminder", 0),
            custom=self._custom(request, body, type),
        )
        if self.refuses_overlaps and not type.allow_conflicts and self._is_taken(task):
            fields.refuse(fields.BAD_INPUT, "The owner has another appointment at this time")
        self.tasks.put(task.id, task)
        return _success(Id=task.id)

    def _update_times(self, request: PlatformRequest) -> Response:
        """Queue new times (#moving-appointments).

        The job skips tasks that do not exist, without an error.
        """
        body = fields.read_body(request, {"TaskList", "StatusWebhookURL"})
        fields.read_text(body, "StatusWebhookURL")
        new_times: dict[str, Span] = {}
        for item in fields.require_array(body, "TaskList"):
            row = fields.check_attributes(item, {"UserTaskId", "FromDate", "ToDate"})
            id = fields.require_text(row, "UserTaskId")
            start, end = fields.read_interval(row, "FromDate", "ToDate")
            new_times[id] = (self.stored_time(request, start), self.stored_time(request, end))
        self.check_rows(new_times, self.existing_tasks(new_times))
        if self.take_fault(FaultKind.FAIL_JOBS, request):
            new_times.popitem()

        def apply() -> None:
            for id, (start, end) in new_times.items():
                task = self.tasks.get(id)
                if task is not None and not task.deleted:
                    moved = self._modified(task, start=start, end=end)
                    self.tasks.put(id, self._damaged(moved, self.update_damage))
                    self._move_others(task, start - task.start, end - task.end)

        return self._accept(request, apply)

    def _move_others(self, moved: TaskRecord, start_shift: timedelta, end_shift: timedelta) -> None:
        """Move the other tasks of a recurrence by the same amount, if ``writes_whole_series``."""
        for task in self.instances(moved.series) if self.writes_whole_series else ():
            if moved.series and task.id != moved.id:
                start, end = task.start + start_shift, task.end + end_shift
                self.tasks.put(task.id, self._modified(task, start=start, end=end))

    def _delete_tasks(self, request: PlatformRequest) -> Response:
        """Delete tasks; two counts and one reason report those that do not exist (#deleting)."""
        body = fields.read_body(request, {"TaskIds", "StatusWebhookURL"})
        fields.read_text(body, "StatusWebhookURL")
        ids = fields.require_strings(body, "TaskIds")
        if len(ids) > MAX_DELETES:
            fields.refuse(fields.BAD_INPUT, f"More than {MAX_DELETES} tasks cannot be deleted")
        to_delete = ids[:-1] if self.take_fault(FaultKind.FAIL_JOBS, request) else ids
        if self.deletes_later:
            return self._accept(request, lambda: self._delete_all(to_delete))
        count = self._delete_all(to_delete)
        return JSONResponse(
            {
                "Status": "Success",
                "Operation": "Bulk Delete Tasks",
                "TasksCount": len(ids),
                "DeletedTasksCount": count,
                "FailureReason": None if count == len(ids) else "Task(s) could not be deleted",
            }
        )

    def _delete_all(self, ids: Sequence[str]) -> int:
        count = 0
        for id in ids:
            task = self.tasks.get(id)
            if task is not None and not task.deleted and id not in self.refuses_rows:
                self.tasks.put(id, self._modified(task, deleted=True))
                count += 1
        return count

    def _mark_complete(self, request: PlatformRequest) -> Response:
        """Complete a task: a GET request that writes (#completing-and-cancelling)."""
        id = self._query(request, "id")
        task = self.tasks.get(id)
        if task is None or task.deleted:
            fields.refuse(fields.NO_ENTITY, "Task does not exist in the system")
        now = self.stamp()
        done = self._modified(task, status=TaskStatus.COMPLETE, completed_at=now)
        self.tasks.put(id, self._damaged(done, self.status_damage))
        return _success(AffectedRows=1)

    # --- task types, users, leads -------------------------------------------------------------

    def _list_types(self, request: PlatformRequest) -> Response:
        types = list(self.types.values())
        if column := request.query.get("ColumnName"):
            if column not in TYPE_COLUMNS:
                fields.refuse(fields.BAD_INPUT, f"Invalid ColumnName - {column}")
            value = self._query(request, "ColumnValue")
            types = [type for type in types if TYPE_COLUMNS[column](type) == value]
        rows = [wire.task_type(type) for type in types]
        if self.shows_conflicts:
            for row, type in zip(rows, types, strict=True):
                row["AllowConflicts"] = type.allow_conflicts
        return JSONResponse(rows)

    def _list_users(self, request: PlatformRequest) -> Response:
        rows = [wire.user(user) for user in self.users.values()]
        return JSONResponse(self.apply_list_faults(request, rows))

    def _key_user(self, request: PlatformRequest) -> Response:
        host = self.home_host or request.headers.get("host", "")
        return JSONResponse(wire.key_user(self._me, host))

    def _lead_by_id(self, request: PlatformRequest) -> Response:
        wanted = self._query(request, "id")
        return self._leads(lambda lead: lead.id == wanted)

    def _lead_by_email(self, request: PlatformRequest) -> Response:
        wanted = self._query(request, "emailaddress").lower()
        return self._leads(lambda lead: lead.email.lower() == wanted)

    def _lead_by_phone(self, request: PlatformRequest) -> Response:
        """Return the newest lead with this phone; the other phone spelling finds none (#leads)."""
        wanted = self._query(request, "phone")

        def matches(lead: ContactRecord) -> bool:
            dashed = self.phone_spelling == "dashed"
            return wanted == (wire.phone(lead.phone) if dashed else lead.phone.removeprefix("+"))

        return self._leads(matches)

    def _leads(self, matches: Callable[[ContactRecord], bool]) -> Response:
        leads = [lead for lead in self.contacts.values() if matches(lead)]
        return JSONResponse([wire.lead(lead) for lead in leads[-1:]])

    # --- free time ----------------------------------------------------------------------------

    def _list_slots(self, request: PlatformRequest) -> Response:
        """Return free and busy times by day and user, in the users' zones (#free-slots)."""
        body = fields.read_body(request, fields.LIST_FIELDS | {"IncludeAllowedConflictSlots"})
        start, end = fields.read_window(body, self.timezone)
        page = fields.read_paging(body, self.largest_page)
        users = self._users_asked(body)
        day, last = (at.astimezone(zone(self.timezone)).date() for at in (start, end))
        taken = {user.id: self._taken(user.id) for user in users}
        days = {}
        while day <= last:
            days[day] = [
                wire.user_day(user, day_slots(user, day, taken[user.id])) for user in users
            ]
            day += timedelta(days=1)
        return self._list(request, wire.slot_days(days, self.slot_names), page)

    def _taken(self, owner: str) -> list[Span]:
        """Return the busy spans of a user: appointments whose type allows no conflicts."""
        return [
            (task.start, task.end)
            for task in self.tasks.values()
            if task.owner == owner
            and not task.deleted
            and task.status is not TaskStatus.CANCELLED
            and self.types[task.type].category is Category.APPOINTMENT
            and not self.types[task.type].allow_conflicts
        ]

    def _is_taken(self, task: TaskRecord) -> bool:
        taken = self._taken(task.owner)
        return any(start < task.end and task.start < end for start, end in taken)

    # --- fields of a create -------------------------------------------------------------------

    def _type(self, body: JsonObject) -> TaskTypeRecord:
        task_type = fields.check_attributes(
            body.get("TaskType") or fields.refuse_missing("TaskType"), {"Name", "Id"}
        )
        name = fields.require_text(task_type, "Name")
        if name not in self.types:
            fields.refuse(fields.NO_ENTITY, "Task type does not exist in the system")
        return self.types[name]

    def _owner(self, body: JsonObject) -> AccountUser:
        id, email = (
            fields.read_text(body, "OwnerId"),
            fields.read_text(body, "OwnerEmailAddress").lower(),
        )
        if not id and not email:
            fields.refuse_missing("OwnerId")
        users = (
            user
            for user in self.users.values()
            if user.active and (user.id == id if id else user.email.lower() == email)
        )
        return next(users, None) or fields.refuse(
            fields.NO_ENTITY, "User does not exist in the system"
        )

    def _times(self, body: JsonObject, type: TaskTypeRecord) -> Span:
        """Return the requested times; default: now, with the type's length (#creating-tasks)."""
        start = fields.read_time(body, "DueDate") or self.clock.now().replace(microsecond=0)
        end = fields.read_time(body, "EndDate") or start + type.length
        if end < start:
            fields.refuse(fields.BAD_INPUT, "EndDate should be greater than DueDate")
        return start, end

    def _related(self, body: JsonObject) -> str:
        """Return the id of the lead that a task is about; '' for none."""
        if (
            fields.read_number(body, "RelatedEntity", RelatedEntity.NOTHING)
            == RelatedEntity.NOTHING
        ):
            return ""
        lead = fields.require_text(body, "RelatedEntityId")
        if lead not in self.contacts:
            fields.refuse(fields.NO_ENTITY, "Lead does not exist in the system")
        return lead

    def _custom(
        self, request: PlatformRequest, body: JsonObject, type: TaskTypeRecord
    ) -> Mapping[str, str]:
        custom_fields = body.get("CustomFields") or {}
        values = {
            key: self.stored_text(request, fields.read_plain_text(custom_fields, key))
            for key in fields.check_attributes(custom_fields, custom_fields)
        }
        for key in type.mandatory:
            if not values.get(key):
                fields.refuse_missing(key)
        return values

    # --- internals ----------------------------------------------------------------------------

    @property
    def _me(self) -> AccountUser:
        """Return the user of the keys, who makes all writes over HTTP (#access)."""
        return self.users[self.key_user]

    def _users_asked(self, body: JsonObject) -> list[AccountUser]:
        """Return the users with these e-mails; unknown and inactive ones are omitted or refused."""
        wanted = {email.lower() for email in fields.require_strings(body, "Users")}
        known = {user.email.lower() for user in self.users.values() if user.active}
        if self.refuses_unknown_users and not wanted <= known:
            fields.refuse(fields.BAD_INPUT, "Invalid user email address")
        return [u for u in self.users.values() if u.active and u.email.lower() in wanted]

    def _modified(self, task: TaskRecord, **change: Any) -> TaskRecord:
        """Return the task as changed over HTTP."""
        return replace(task, modified_by=self._me.id, modified_at=self.stamp(), **change)

    def _damaged(self, task: TaskRecord, damage: Damage | None) -> TaskRecord:
        """Return the task as an update leaves it; blocks are never damaged."""
        if damage is not None and task.lead:
            self.damaged.add(task.id)
        users = [user.id for user in self.users.values() if user.active]
        return damaged_task(task, damage if task.lead else None, users)

    def _accept(self, request: PlatformRequest, work: Callable[[], object]) -> Response:
        seconds = self.job_seconds(request, self.usual_job_seconds)
        return _success(Id=self.queue(seconds, work), IsSuccessful=True)

    def _list(self, request: PlatformRequest, rows: Sequence[JsonObject], page: slice) -> Response:
        """Answer with a page of rows; RecordCount counts all pages, or only this one by a knob."""
        is_empty = self.faults.active(
            FaultKind.EMPTY, request.method, request.path, self.clock.now()
        )
        if page.start and (fault := self.take_fault(FaultKind.SHIFT_ROWS, request)):
            shift = -1 if fault.spelling == "again" else 1
            page = slice(page.start + shift, page.stop + shift)
        page_rows = self.apply_list_faults(request, rows[page])
        count = len(page_rows if self.counts_page else rows)
        return JSONResponse({"RecordCount": 0 if is_empty else count, "List": page_rows})

    def _shown(self, task: TaskRecord) -> JsonObject:
        users = {user.id: user for user in self.users.values()}
        row = wire.task(task, self.types[task.type], users, self.contacts)
        return self.adjust_row(task, row)

    def _query(self, request: PlatformRequest, key: str) -> str:
        return request.query.get(key) or fields.refuse_missing(key)


def _success(**message: Any) -> Response:
    return JSONResponse({"Status": "Success", "Message": message})
