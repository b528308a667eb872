"""The account's HTTP interface.

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
from syncd.sandbox.leadsquared.cancelling import Cancelling
from syncd.sandbox.leadsquared.records import Category, Related, Status, Task, TaskType, User
from syncd.sandbox.leadsquared.slots import Span, day_of
from syncd.sandbox.platform import HTML_ERROR
from syncd.sandbox.replies import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncd.sandbox.contacts import Contact
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
TYPE_COLUMNS: Mapping[str, Callable[[TaskType], str]] = {
    "TaskTypeId": lambda each: each.id,
    "TaskTypeName": lambda each: each.name,
    "Category": lambda each: str(int(each.category)),
}
MOST_DELETES = 5000
_ANY_HOST = "UserByAccessKey.Get"
"""The one call that every host answers (#hosts)."""


class LeadSquared(Cancelling):
    """An emulated LeadSquared account: state and verbs of `Account`, served over HTTP.

    ``keys_in_query`` counts the requests whose keys came where they end up in logs.
    """

    kind = PlatformKind.LEADSQUARED
    event_lists = ("/Task.svc/RetrieveAppointments/ByUserEmailAddress",)
    base_path = "/v2"
    hidden_params = frozenset({"accessKey", "secretKey", "emailaddress", "phone"})

    keys_in_query = 0

    # --- the platform's common behaviour ------------------------------------------------------

    def routes(self) -> Sequence[Route]:
        """The calls that are served."""
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
            return fields.error(401, "MXUnAuthorizedException", words)
        return None

    def unknown(self, ask: PlatformRequest) -> Response:  # noqa: ARG002 - all the same to it
        """A wrong path or verb answers 404 with a page for people."""
        return HTMLResponse(HTML_ERROR.format("Endpoint not found."), 404)

    def unauthorised(self, ask: PlatformRequest) -> Response:  # noqa: ARG002 - all the same to it
        """Keys that are not accepted."""
        message = "Invalid AccessKey or SecretKey"
        return fields.error(401, "MXAuthenticationFailedException", message)

    def rate_limited(self, ask: PlatformRequest, spelling: str) -> Response:  # noqa: ARG002 - all the same
        """Too many calls, in one of three statuses, always the same words (#rate-limits)."""
        most, seconds = (self.limit.most, self.limit.interval) if self.limit else (25, 5)
        message = f"API calls exceeded the limit of {most} in {int(seconds)} second(s)"
        status = int(spelling or self.rate_spelling)
        return fields.error(status, "MXAPIRateLimitExceededException", message)

    # --- reading tasks ------------------------------------------------------------------------

    def _list_appointments(self, ask: PlatformRequest) -> Response:
        """Appointments that start in, or by a knob overlap, the window (#listing-appointments)."""
        asked = fields.body(ask, LIST_FIELDS)
        start, end = fields.window(asked, self.date_zone or self.timezone)
        wanted = {user.id for user in self._users_asked(asked)}
        page = fields.paging(asked, self.largest_page)
        rows = [
            self._shown(task)
            for task in self.tasks.values(self.as_of(ask))
            if task.owner in wanted
            and self.lists(task, (start, end))
            and not task.deleted
            and self.types[task.type].category is Category.APPOINTMENT
            and (self.lists_completed or task.status is not Status.COMPLETE)
            and (self.lists_cancelled or task.status is not Status.CANCELLED)
        ]
        rows.sort(key=lambda row: row["DueDate"])
        return self._list(ask, rows, page)

    def _get_task(self, ask: PlatformRequest) -> Response:
        """An array of one, or of none (#reading-one-task)."""
        task = self.tasks.get(self._query(ask, "id"))
        return JSONResponse([self._shown(task)] if task and not task.deleted else [])

    # --- writing tasks ------------------------------------------------------------------------

    def _create(self, ask: PlatformRequest) -> Response:
        given = fields.body(ask, CREATE_FIELDS)
        name = fields.plain(given, "Name") or fields.missing("Name")
        type = self._type(given)
        owner = self._owner(given)
        start, end = self._times(given, type)
        now = self.stamp()
        task = Task(
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
            description=self.stored_text(ask, fields.plain(given, "Description")),
            location=fields.plain(given, "Location"),
            notify_by=self._notify_by(given),
            reminder=fields.number(given, "Reminder", 0),
            custom=self._custom(ask, given, type),
        )
        if self.refuses_overlaps and not type.allow_conflicts and self._is_taken(task):
            fields.refuse(fields.BAD_INPUT, "The owner has another appointment at this time")
        self.tasks.put(task.id, task)
        return _success(Id=task.id)

    def _update_times(self, ask: PlatformRequest) -> Response:
        """Accept new times, set them later, and drop what is impossible (#moving-appointments)."""
        given = fields.body(ask, {"TaskList", "StatusWebhookURL"})
        fields.text(given, "StatusWebhookURL")
        wanted: dict[str, Span] = {}
        for each in fields.many(given, "TaskList"):
            row = fields.checked(each, {"UserTaskId", "FromDate", "ToDate"})
            id = fields.needed(row, "UserTaskId")
            start, end = fields.span(row, "FromDate", "ToDate")
            wanted[id] = (self.stored_time(ask, start), self.stored_time(ask, end))
        self.check_rows(wanted, self.standing(wanted))
        if self.fault(FaultKind.FAIL_JOBS, ask):
            wanted.popitem()

        def apply() -> None:
            for id, (start, end) in wanted.items():
                task = self.tasks.get(id)
                if task is not None and not task.deleted:
                    moved = self._modified(task, start=start, end=end)
                    self.tasks.put(id, self._damaged(moved, self.update_damage))
                    self._move_others(task, start - task.start, end - task.end)

        return self._accept(ask, apply)

    def _move_others(self, moved: Task, by: timedelta, longer: timedelta) -> None:
        """Move the rest of a recurrence alike, if ``writes_whole_series``."""
        for task in self.instances(moved.series) if self.writes_whole_series else ():
            if moved.series and task.id != moved.id:
                start, end = task.start + by, task.end + longer
                self.tasks.put(task.id, self._modified(task, start=start, end=end))

    def _delete_tasks(self, ask: PlatformRequest) -> Response:
        """Delete what is there; what is not is told by two counts and one reason (#deleting)."""
        given = fields.body(ask, {"TaskIds", "StatusWebhookURL"})
        fields.text(given, "StatusWebhookURL")
        ids = fields.names(given, "TaskIds")
        if len(ids) > MOST_DELETES:
            fields.refuse(fields.BAD_INPUT, f"More than {MOST_DELETES} tasks cannot be deleted")
        doomed = ids[:-1] if self.fault(FaultKind.FAIL_JOBS, ask) else ids
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
        """A GET that writes (#completing-and-cancelling)."""
        id = self._query(ask, "id")
        task = self.tasks.get(id)
        if task is None or task.deleted:
            fields.refuse(fields.NO_ENTITY, "Task does not exist in the system")
        now = self.stamp()
        done = self._modified(task, status=Status.COMPLETE, completed_at=now)
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
        return JSONResponse(self.listed(ask, rows))

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
        """Of several leads the latest one; a number in the other spelling finds none (#leads)."""
        wanted = self._query(ask, "phone")

        def is_it(lead: Contact) -> bool:
            dashed = self.phone_spelling == "dashed"
            return wanted == (wire.phone(lead.phone) if dashed else lead.phone.removeprefix("+"))

        return self._leads(is_it)

    def _leads(self, is_it: Callable[[Contact], bool]) -> Response:
        found = [lead for lead in self.contacts.values() if is_it(lead)]
        return JSONResponse([wire.lead(lead) for lead in found[-1:]])

    # --- free time ----------------------------------------------------------------------------

    def _list_slots(self, ask: PlatformRequest) -> Response:
        """Free and busy times by day and user, on the users' wall clocks (#free-slots)."""
        asked = fields.body(ask, LIST_FIELDS | {"IncludeAllowedConflictSlots"})
        start, end = fields.window(asked, self.timezone)
        page = fields.paging(asked, self.largest_page)
        users = self._users_asked(asked)
        day, last = (at.astimezone(zone(self.timezone)).date() for at in (start, end))
        taken = {user.id: self._taken(user.id) for user in users}
        days = {}
        while day <= last:
            days[day] = [wire.user_day(user, day_of(user, day, taken[user.id])) for user in users]
            day += timedelta(days=1)
        return self._list(ask, wire.slots(days, self.slot_names), page)

    def _taken(self, owner: str) -> list[Span]:
        """The time of a user that appointments close: those whose type allows no conflicts."""
        return [
            (task.start, task.end)
            for task in self.tasks.values()
            if task.owner == owner
            and not task.deleted
            and task.status is not Status.CANCELLED
            and self.types[task.type].category is Category.APPOINTMENT
            and not self.types[task.type].allow_conflicts
        ]

    def _is_taken(self, wanted: Task) -> bool:
        taken = self._taken(wanted.owner)
        return any(start < wanted.end and wanted.start < end for start, end in taken)

    # --- reading a create ---------------------------------------------------------------------

    def _type(self, given: fields.Json) -> TaskType:
        asked = fields.checked(given.get("TaskType") or fields.missing("TaskType"), {"Name", "Id"})
        name = fields.needed(asked, "Name")
        if name not in self.types:
            fields.refuse(fields.NO_ENTITY, "Task type does not exist in the system")
        return self.types[name]

    def _owner(self, given: fields.Json) -> User:
        id, email = fields.text(given, "OwnerId"), fields.text(given, "OwnerEmailAddress").lower()
        if not id and not email:
            fields.missing("OwnerId")
        found = (
            user
            for user in self.users.values()
            if user.active and (user.id == id if id else user.email.lower() == email)
        )
        return next(found, None) or fields.refuse(
            fields.NO_ENTITY, "User does not exist in the system"
        )

    def _times(self, given: fields.Json, type: TaskType) -> Span:
        """The times asked for; by default now, and as long as the type is (#creating-tasks)."""
        start = fields.instant(given, "DueDate") or self.clock.now().replace(microsecond=0)
        end = fields.instant(given, "EndDate") or start + type.length
        if end < start:
            fields.refuse(fields.BAD_INPUT, "EndDate should be greater than DueDate")
        return start, end

    def _related(self, given: fields.Json) -> str:
        """The lead that a task is about, or nobody."""
        if fields.number(given, "RelatedEntity", Related.NOTHING) == Related.NOTHING:
            return ""
        lead = fields.needed(given, "RelatedEntityId")
        if lead not in self.contacts:
            fields.refuse(fields.NO_ENTITY, "Lead does not exist in the system")
        return lead

    def _notify_by(self, given: fields.Json) -> str:
        code = fields.text(given, "NotifyBy") or "1100"
        if code not in {"1000", "1100"}:
            fields.refuse(fields.BAD_INPUT, f"Invalid NotifyBy - {code}")
        return code

    def _custom(
        self, ask: PlatformRequest, given: fields.Json, type: TaskType
    ) -> Mapping[str, str]:
        found = given.get("CustomFields") or {}
        values = {
            key: self.stored_text(ask, fields.plain(found, key))
            for key in fields.checked(found, found)
        }
        for key in type.mandatory:
            if not values.get(key):
                fields.missing(key)
        return values

    # --- inside -------------------------------------------------------------------------------

    @property
    def _me(self) -> User:
        """The user of the keys, who makes all writes over HTTP (#access)."""
        return self.users[self.key_user]

    def _users_asked(self, asked: fields.Json) -> list[User]:
        """The users of these e-mails; unknown and inactive ones are left out, or refused."""
        wanted = {email.lower() for email in fields.names(asked, "Users")}
        known = {user.email.lower() for user in self.users.values() if user.active}
        if self.refuses_unknown_users and not wanted <= known:
            fields.refuse(fields.BAD_INPUT, "Invalid user email address")
        return [u for u in self.users.values() if u.active and u.email.lower() in wanted]

    def _modified(self, task: Task, **change: Any) -> Task:
        """The task changed over HTTP."""
        return replace(task, modified_by=self._me.id, modified_at=self.stamp(), **change)

    def _damaged(self, task: Task, damage: Damage | None) -> Task:
        """Return the task as an update leaves it; a block is never damaged."""
        if damage is not None and task.lead:
            self.damaged.add(task.id)
        users = [user.id for user in self.users.values() if user.active]
        return damaged_task(task, damage if task.lead else None, users)

    def _accept(self, ask: PlatformRequest, work: Callable[[], object]) -> Response:
        seconds = self.job_seconds(ask, self.usual_job_seconds)
        return _success(Id=self.queue(seconds, work), IsSuccessful=True)

    def _list(self, ask: PlatformRequest, rows: Sequence[fields.Json], page: slice) -> Response:
        """A page of rows; RecordCount counts all pages, or lies and counts those of this one."""
        empty = self.faults.active(FaultKind.EMPTY, ask.method, ask.path, self.clock.now())
        if page.start and (fault := self.fault(FaultKind.SHIFT_ROWS, ask)):
            by = -1 if fault.spelling == "again" else 1
            page = slice(page.start + by, page.stop + by)
        shown = self.listed(ask, rows[page])
        count = len(shown if self.counts_page else rows)
        return JSONResponse({"RecordCount": 0 if empty else count, "List": shown})

    def _shown(self, task: Task) -> fields.Json:
        users = {user.id: user for user in self.users.values()}
        shown = wire.task(task, self.types[task.type], users, self.contacts)
        return self.as_shown(task, shown)

    def _query(self, ask: PlatformRequest, key: str) -> str:
        return ask.query.get(key) or fields.missing(key)


def _success(**message: Any) -> Response:
    return JSONResponse({"Status": "Success", "Message": message})
