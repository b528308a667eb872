"""The HTTP interface of an account.

Anchors such as (#errors) are sections of docs/platforms/leadsquared.md.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from syncd.model import zone
from syncd.model.platform_facts import PlatformKind
from syncd.sandbox.damage import Damage, damaged_task
from syncd.sandbox.faults import FaultKind
from syncd.sandbox.leadsquared import fields, wire
from syncd.sandbox.leadsquared.bulk_cancel import AccountWithBulkCancel
from syncd.sandbox.leadsquared.records import (
    AccountUser,
    Category,
    RelatedEntity,
    TaskRecord,
    TaskStatus,
    TaskTypeRecord,
)
from syncd.sandbox.leadsquared.slots import Span, day_slots
from syncd.sandbox.platform import HTML_ERROR
from syncd.sandbox.replies import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncd.sandbox.contacts import ContactRecord
    from syncd.sandbox.platform import PlatformRequest

LIST_FIELDS = frozenset({"FromDate", "ToDate", "Users", "Paging"})
CREATE_FIELDS = frozenset(
    {
        "Name",
        "Description",
        "RelatedEntity",
        "RelatedEntityId",
        "DueDate",
        "EndDate",
        "Reminder",
        "ReminderBeforeDays",
        "ReminderTime",
        "NotifyBy",
        "OwnerId",
        "OwnerEmailAddress",
        "TaskType",
        "Location",
        "CustomFields",
    }
)
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

    # --- the platform's common behaviour ------------------------------------------------------

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

    def authorise(self, ask: PlatformRequest) -> Response | None:
        """Check the keys, in headers or in the query, and that their user is active (#access)."""
        in_query = (ask.query.get("accessKey"), ask.query.get("secretKey"))
        if any(in_query):
            self.keys_in_query += 1
        in_headers = (ask.headers.get("x-lsq-accesskey"), ask.headers.get("x-lsq-secretkey"))
        given = in_headers if any(in_headers) else in_query
        known = given == (self.access_key, self.secret_key)
        if not (known and self._me.active):
            return self.unauthorised(ask)
        if self.home_host and not ask.path.endswith(_ANY_HOST):
            words = f"This account is served by {self.home_host}. Please use that API host."
            return fields.error_reply(401, "MXUnAuthorizedException", words)
        return None

    def unknown_route(self, ask: PlatformRequest) -> Response:  # noqa: ARG002 - all the same to it
        """Answer a wrong path or method with 404 and an HTML page."""
        return HTMLResponse(HTML_ERROR.format("Endpoint not found."), 404)

    def unauthorised(self, ask: PlatformRequest) -> Response:  # noqa: ARG002 - all the same to it
        """Refuse keys that are not accepted."""
        message = "Invalid AccessKey or SecretKey"
        return fields.error_reply(401, "MXAuthenticationFailedException", message)

    def rate_limited(self, ask: PlatformRequest, spelling: str) -> Response:  # noqa: ARG002 - all the same
        """Refuse a call beyond the limit: one of three statuses, one text (#rate-limits)."""
        most, seconds = (self.limit.max_requests, self.limit.interval) if self.limit else (25, 5)
        message = f"API calls exceeded the limit of {most} in {int(seconds)} second(s)"
        status = int(spelling or self.rate_spelling)
        return fields.error_reply(status, "MXAPIRateLimitExceededException", message)

    # --- reading tasks ------------------------------------------------------------------------

    def _list_appointments(self, ask: PlatformRequest) -> Response:
        """List appointments that start in the window (#listing-appointments).

        With ``lists_overlapping`` it includes those that reach into the window.
        """
        asked = fields.read_body(ask, LIST_FIELDS)
        start, end = fields.read_window(asked, self.date_zone or self.timezone)
        wanted = {user.id for user in self._users_asked(asked)}
        page = fields.read_paging(asked, self.largest_page)
        rows = [
            self._shown(task)
            for task in self.tasks.values(self.as_of(ask))
            if task.owner in wanted
            and self.is_in_window(task, (start, end))
            and not task.deleted
            and self.types[task.type].category is Category.APPOINTMENT
            and (self.lists_completed or task.status is not TaskStatus.COMPLETE)
            and (self.lists_cancelled or task.status is not TaskStatus.CANCELLED)
        ]
        rows.sort(key=lambda row: row["DueDate"])
        return self._list(ask, rows, page)

    def _get_task(self, ask: PlatformRequest) -> Response:
        """Answer with an array of one task, or of none (#reading-one-task)."""
        task = self.tasks.get(self._query(ask, "id"))
        return JSONResponse([self._shown(task)] if task and not task.deleted else [])

    # --- writing tasks ------------------------------------------------------------------------

    def _create(self, ask: PlatformRequest) -> Response:
        given = fields.read_body(ask, CREATE_FIELDS)
        name = fields.read_plain_text(given, "Name") or fields.refuse_missing("Name")
        type = self._type(given)
        owner = self._owner(given)
        start, end = self._times(given, type)
        now = self.stamp()
        task = TaskRecord(
            id=self.new_id(),
            number=self.next_number(),
            type=type.name,
            owner=owner.id,
            name=self.stored_text(ask, name),
            start=self.stored_time(ask, start),
            end=self.stored_time(ask, end),
            created_by=self._me.id,
            created_at=now,
            modified_by=self._me.id,
            modified_at=now,
            lead=self._related(given),
            description=self.stored_text(ask, fields.read_plain_text(given, "Description")),
            location=fields.read_plain_text(given, "Location"),
            notify_by=self._notify_by(given),
            reminder=fields.read_number(given, "Reminder", 0),
            custom=self._custom(ask, given, type),
        )
        if self.refuses_overlaps and not type.allow_conflicts and self._is_taken(task):
            fields.refuse(fields.BAD_INPUT, "The owner has another appointment at this time")
        self.tasks.put(task.id, task)
        return _success(Id=task.id)

    def _update_times(self, ask: PlatformRequest) -> Response:
        """Queue new times (#moving-appointments).

        The job skips tasks that do not exist, without an error.
        """
        given = fields.read_body(ask, {"TaskList", "StatusWebhookURL"})
        fields.read_text(given, "StatusWebhookURL")
        wanted: dict[str, Span] = {}
        for each in fields.require_array(given, "TaskList"):
            row = fields.check_attributes(each, {"UserTaskId", "FromDate", "ToDate"})
            id = fields.require_text(row, "UserTaskId")
            start, end = fields.read_interval(row, "FromDate", "ToDate")
            wanted[id] = (self.stored_time(ask, start), self.stored_time(ask, end))
        self.check_rows(wanted, self.existing_tasks(wanted))
        if self.take_fault(FaultKind.FAIL_JOBS, ask):
            wanted.popitem()

        def apply() -> None:
            for id, (start, end) in wanted.items():
                task = self.tasks.get(id)
                if task is not None and not task.deleted:
                    moved = self._modified(task, start=start, end=end)
                    self.tasks.put(id, self._damaged(moved, self.update_damage))
                    self._move_others(task, start - task.start, end - task.end)

        return self._accept(ask, apply)

    def _move_others(self, moved: TaskRecord, by: timedelta, longer: timedelta) -> None:
        """Move the other tasks of a recurrence by the same amount, if ``writes_whole_series``."""
        for task in self.instances(moved.series) if self.writes_whole_series else ():
            if moved.series and task.id != moved.id:
                start, end = task.start + by, task.end + longer
                self.tasks.put(task.id, self._modified(task, start=start, end=end))

    def _delete_tasks(self, ask: PlatformRequest) -> Response:
        """Delete tasks; two counts and one reason report those that do not exist (#deleting)."""
        given = fields.read_body(ask, {"TaskIds", "StatusWebhookURL"})
        fields.read_text(given, "StatusWebhookURL")
        ids = fields.require_strings(given, "TaskIds")
        if len(ids) > MAX_DELETES:
            fields.refuse(fields.BAD_INPUT, f"More than {MAX_DELETES} tasks cannot be deleted")
        doomed = ids[:-1] if self.take_fault(FaultKind.FAIL_JOBS, ask) else ids
        if self.deletes_later:
            return self._accept(ask, lambda: self._delete_all(doomed))
        count = self._delete_all(doomed)
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

    def _mark_complete(self, ask: PlatformRequest) -> Response:
        """Complete a task: a GET request that writes (#completing-and-cancelling)."""
        id = self._query(ask, "id")
        task = self.tasks.get(id)
        if task is None or task.deleted:
            fields.refuse(fields.NO_ENTITY, "Task does not exist in the system")
        now = self.stamp()
        done = self._modified(task, status=TaskStatus.COMPLETE, completed_at=now)
        self.tasks.put(id, self._damaged(done, self.status_damage))
        return _success(AffectedRows=1)

    # --- task types, users, leads -------------------------------------------------------------

    def _list_types(self, ask: PlatformRequest) -> Response:
        found = list(self.types.values())
        if column := ask.query.get("ColumnName"):
            if column not in TYPE_COLUMNS:
                fields.refuse(fields.BAD_INPUT, f"Invalid ColumnName - {column}")
            value = self._query(ask, "ColumnValue")
            found = [type for type in found if TYPE_COLUMNS[column](type) == value]
        shown = [wire.task_type(type) for type in found]
        if self.shows_conflicts:
            for row, type in zip(shown, found, strict=True):
                row["AllowConflicts"] = type.allow_conflicts
        return JSONResponse(shown)

    def _list_users(self, ask: PlatformRequest) -> Response:
        rows = [wire.user(user) for user in self.users.values()]
        return JSONResponse(self.apply_list_faults(ask, rows))

    def _key_user(self, ask: PlatformRequest) -> Response:
        host = self.home_host or ask.headers.get("host", "")
        return JSONResponse(wire.key_user(self._me, host))

    def _lead_by_id(self, ask: PlatformRequest) -> Response:
        wanted = self._query(ask, "id")
        return self._leads(lambda lead: lead.id == wanted)

    def _lead_by_email(self, ask: PlatformRequest) -> Response:
        wanted = self._query(ask, "emailaddress").lower()
        return self._leads(lambda lead: lead.email.lower() == wanted)

    def _lead_by_phone(self, ask: PlatformRequest) -> Response:
        """Return the newest lead with this phone; the other phone spelling finds none (#leads)."""
        wanted = self._query(ask, "phone")

        def is_it(lead: ContactRecord) -> bool:
            dashed = self.phone_spelling == "dashed"
            return wanted == (wire.phone(lead.phone) if dashed else lead.phone.removeprefix("+"))

        return self._leads(is_it)

    def _leads(self, is_it: Callable[[ContactRecord], bool]) -> Response:
        found = [lead for lead in self.contacts.values() if is_it(lead)]
        return JSONResponse([wire.lead(lead) for lead in found[-1:]])

    # --- free time ----------------------------------------------------------------------------

    def _list_slots(self, ask: PlatformRequest) -> Response:
        """Return free and busy times by day and user, in the users' zones (#free-slots)."""
        asked = fields.read_body(ask, LIST_FIELDS | {"IncludeAllowedConflictSlots"})
        start, end = fields.read_window(asked, self.timezone)
        page = fields.read_paging(asked, self.largest_page)
        users = self._users_asked(asked)
        day, last = (at.astimezone(zone(self.timezone)).date() for at in (start, end))
        taken = {user.id: self._taken(user.id) for user in users}
        days = {}
        while day <= last:
            days[day] = [
                wire.user_day(user, day_slots(user, day, taken[user.id])) for user in users
            ]
            day += timedelta(days=1)
        return self._list(ask, wire.slot_days(days, self.slot_names), page)

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

    def _is_taken(self, wanted: TaskRecord) -> bool:
        taken = self._taken(wanted.owner)
        return any(start < wanted.end and wanted.start < end for start, end in taken)

    # --- reading a create ---------------------------------------------------------------------

    def _type(self, given: fields.Json) -> TaskTypeRecord:
        asked = fields.check_attributes(
            given.get("TaskType") or fields.refuse_missing("TaskType"), {"Name", "Id"}
        )
        name = fields.require_text(asked, "Name")
        if name not in self.types:
            fields.refuse(fields.NO_ENTITY, "Task type does not exist in the system")
        return self.types[name]

    def _owner(self, given: fields.Json) -> AccountUser:
        id, email = (
            fields.read_text(given, "OwnerId"),
            fields.read_text(given, "OwnerEmailAddress").lower(),
        )
        if not id and not email:
            fields.refuse_missing("OwnerId")
        found = (
            user
            for user in self.users.values()
            if user.active and (user.id == id if id else user.email.lower() == email)
        )
        return next(found, None) or fields.refuse(
            fields.NO_ENTITY, "User does not exist in the system"
        )

    def _times(self, given: fields.Json, type: TaskTypeRecord) -> Span:
        """Return the requested times; default: now, with the type's length (#creating-tasks)."""
        start = fields.read_time(given, "DueDate") or self.clock.now().replace(microsecond=0)
        end = fields.read_time(given, "EndDate") or start + type.length
        if end < start:
            fields.refuse(fields.BAD_INPUT, "EndDate should be greater than DueDate")
        return start, end

    def _related(self, given: fields.Json) -> str:
        """Return the id of the lead that a task is about; '' for none."""
        if (
            fields.read_number(given, "RelatedEntity", RelatedEntity.NOTHING)
            == RelatedEntity.NOTHING
        ):
            return ""
        lead = fields.require_text(given, "RelatedEntityId")
        if lead not in self.contacts:
            fields.refuse(fields.NO_ENTITY, "Lead does not exist in the system")
        return lead

    def _notify_by(self, given: fields.Json) -> str:
        code = fields.read_text(given, "NotifyBy") or "1100"
        if code not in {"1000", "1100"}:
            fields.refuse(fields.BAD_INPUT, f"Invalid NotifyBy - {code}")
        return code

    def _custom(
        self, ask: PlatformRequest, given: fields.Json, type: TaskTypeRecord
    ) -> Mapping[str, str]:
        found = given.get("CustomFields") or {}
        values = {
            key: self.stored_text(ask, fields.read_plain_text(found, key))
            for key in fields.check_attributes(found, found)
        }
        for key in type.mandatory:
            if not values.get(key):
                fields.refuse_missing(key)
        return values

    # --- inside -------------------------------------------------------------------------------

    @property
    def _me(self) -> AccountUser:
        """Return the user of the keys, who makes all writes over HTTP (#access)."""
        return self.users[self.key_user]

    def _users_asked(self, asked: fields.Json) -> list[AccountUser]:
        """Return the users with these e-mails; unknown and inactive ones are omitted or refused."""
        wanted = {email.lower() for email in fields.require_strings(asked, "Users")}
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

    def _accept(self, ask: PlatformRequest, work: Callable[[], object]) -> Response:
        seconds = self.job_seconds(ask, self.usual_job_seconds)
        return _success(Id=self.queue(seconds, work), IsSuccessful=True)

    def _list(self, ask: PlatformRequest, rows: Sequence[fields.Json], page: slice) -> Response:
        """Answer with a page of rows; RecordCount counts all pages, or only this one by a knob."""
        empty = self.faults.active(FaultKind.EMPTY, ask.method, ask.path, self.clock.now())
        if page.start and (fault := self.take_fault(FaultKind.SHIFT_ROWS, ask)):
            by = -1 if fault.spelling == "again" else 1
            page = slice(page.start + by, page.stop + by)
        shown = self.apply_list_faults(ask, rows[page])
        count = len(shown if self.counts_page else rows)
        return JSONResponse({"RecordCount": 0 if empty else count, "List": shown})

    def _shown(self, task: TaskRecord) -> fields.Json:
        users = {user.id: user for user in self.users.values()}
        shown = wire.task(task, self.types[task.type], users, self.contacts)
        return self.adjust_row(task, shown)

    def _query(self, ask: PlatformRequest, key: str) -> str:
        return ask.query.get(key) or fields.refuse_missing(key)


def _success(**message: Any) -> Response:
    return JSONResponse({"Status": "Success", "Message": message})
