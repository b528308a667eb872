"""The calls of LeadSquared that an appointment sync makes (leadsquared.md 1 to 4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncd.model import resolve_wall_time, zone
from syncd.sandbox.faults import FaultKind
from syncd.sandbox.leadsquared import wire
from syncd.sandbox.leadsquared.account import Account
from syncd.sandbox.leadsquared.records import Task, TaskType, User
from syncd.sandbox.platform import Ask, Refusal

LONGEST = timedelta(days=100)
MOST_DELETED = 5000
USUAL_JOB = 0.3
"""Seconds that a bulk job takes; on the real platform nobody knows (leadsquared.md 2.1)."""

_MARKUP = re.compile(r"<[a-zA-Z/!]")
_OPENS, _CLOSES, _SLOT = time(9), time(18), timedelta(minutes=30)
_WORKDAYS = range(5)


class LeadSquared(Account):
    """One account behind ``/v2``: an ASGI application."""

    base_path = "/v2"
    hidden_params = frozenset({"emailaddress", "phone", "accessKey", "secretKey"})

    def routes(self) -> Sequence[Route]:
        """The calls of sections 1 to 4."""
        table: list[tuple[str, str, Callable[[Ask], Response]]] = [
            ("POST", "/Task.svc/RetrieveAppointments/ByUserEmailAddress", self._list),
            ("GET", "/Task.svc/Retrieve.GetById", self._get),
            ("POST", "/Task.svc/Create", self._create),
            ("POST", "/Task.svc/BulkUpdateAppointmentTime", self._bulk_move),
            ("POST", "/Task.svc/DeleteTasks", self._bulk_delete),
            ("GET", "/Task.svc/MarkComplete", self._complete),
            ("GET", "/Task.svc/RetrieveTaskType", self._list_types),
            ("POST", "/Task.svc/RetrieveAvailableSlots/ByUserEmailAddress", self._free_slots),
            ("GET", "/UserManagement.svc/Users.Get", self._list_users),
            ("GET", "/Authentication.svc/UserByAccessKey.Get", self._caller),
            ("GET", "/LeadManagement.svc/Leads.GetById", self._lead_by_id),
            ("GET", "/LeadManagement.svc/Leads.GetByEmailaddress", self._leads_by_email),
            ("GET", "/LeadManagement.svc/RetrieveLeadByPhoneNumber", self._lead_by_phone),
        ]
        return [Route(path, endpoint, methods=[verb]) for verb, path, endpoint in table]

    # --- the platform's common behaviour ------------------------------------------------------

    def authorise(self, ask: Ask) -> Response | None:
        """Take the keys from headers or query (4.1), and carry out what is due."""
        self.settle()
        given = (ask.headers.get("x-lsq-accesskey"), ask.headers.get("x-lsq-secretkey"))
        if "accessKey" in ask.query or "secretKey" in ask.query:
            self.keys_in_query += 1
            given = (ask.query.get("accessKey"), ask.query.get("secretKey"))
        return None if given == (self.access_key, self.secret_key) else self.unauthorised(ask)

    def unknown(self, ask: Ask) -> Response:
        """No such call."""
        return _error("MXResourceNotFoundException", f"no resource {ask.path}", 404)

    def unauthorised(self, ask: Ask) -> Response:  # noqa: ARG002 - all the same to it
        """Wrong keys, or those of a user who was deactivated."""
        return _error("MXUnauthorizedException", "Invalid Access Key or Secret Key", 401)

    def rate_limited(self, ask: Ask, spelling: str) -> Response:  # noqa: ARG002 - one for all
        """Seen as 429, as 403 and as 200, with the same text (4.3)."""
        most = self.limit.most if self.limit else 25
        text = f"API calls exceeded the limit of {most} in 5 second(s)"
        return _error("MXAPIRateLimitExceededException", text, int(spelling or 429))

    # --- reading ------------------------------------------------------------------------------

    def _list(self, ask: Ask) -> Response:
        given = _body(ask)
        start, end = self._days(given)
        users = {str(user).casefold() for user in _rows(given, "Users")}
        found = [
            task
            for task in self.tasks.values(self.as_of(ask))
            if not task.deleted
            and task.owner in users
            and self.types[task.type].category == 0
            and start <= task.start < end
        ]
        page = self.listed(ask, _page(given, found))
        shown = [self._shown(task) for task in page]
        # An injected empty list is consistent with itself.
        return JSONResponse({"RecordCount": len(found) if page else 0, "List": shown})

    def _get(self, ask: Ask) -> Response:
        task = self.tasks.get(ask.query.get("id", ""))
        return JSONResponse([] if task is None or task.deleted else [self._shown(task)])

    def _list_types(self, ask: Ask) -> Response:
        del ask
        made = self.clock.now()
        return JSONResponse([wire.task_type(found, made) for found in self.types.values()])

    def _list_users(self, ask: Ask) -> Response:
        del ask
        return JSONResponse([wire.user(found) for found in self.users.values()])

    def _caller(self, ask: Ask) -> Response:
        del ask
        urls = {"api": "https://api.example.com/v2/", "webapp": "https://web.example.com/"}
        shown = {
            "Id": "00000000-0000-4000-8000-000000000001",
            "Role": "Administrator",
            "TimeZone": self.timezone,
            "LSQCommonServiceURLs": urls,
        }
        return JSONResponse(shown)

    def _lead_by_id(self, ask: Ask) -> Response:
        found = self.contacts.get(ask.query.get("id", ""))
        return JSONResponse([wire.lead(found)] if found else [])

    def _leads_by_email(self, ask: Ask) -> Response:
        wanted = ask.query.get("emailaddress", "").casefold()
        found = [c for c in self.contacts.values() if c.email and c.email.casefold() == wanted]
        return JSONResponse([wire.lead(each) for each in found])

    def _lead_by_phone(self, ask: Ask) -> Response:
        """This tenant finds a phone only as it is spelt in the lead (3)."""
        wanted = ask.query.get("phone", "")
        found = [c for c in self.contacts.values() if c.phone and wire.phone(c.phone) == wanted]
        return JSONResponse([wire.lead(each) for each in found[-1:]])

    def _free_slots(self, ask: Ask) -> Response:
        given = _body(ask)
        start, end = self._days(given)
        users = [self.users.get(str(name).casefold()) for name in _rows(given, "Users")]
        days = []
        day = start
        while day < end:
            slots = [self._slots_of(user, day.date()) for user in users if user is not None]
            days.append({"Date": day.date().isoformat(), "UserSlots": slots})
            day += timedelta(days=1)
        return JSONResponse({"RecordCount": len(days), "List": days})

    def _slots_of(self, user: User, day: date) -> wire.Json:
        slots = [
            {"StartTime": f"{start:%H:%M:%S}", "EndTime": f"{end:%H:%M:%S}"}
            for start, end in self._open(user, day)
        ]
        return {
            "UserId": user.id,
            "EmailAddress": user.email,
            "UserTimeZone": user.zone,
            "AvailableSlots": slots,
            "NoSlotsReason": "" if day.weekday() in _WORKDAYS else "NotScheduled",
        }

    def _open(self, user: User, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Half hours of the working day that no task takes whose type forbids conflicts."""
        if day.weekday() not in _WORKDAYS:
            return
        busy = [
            task
            for task in self.tasks.values()
            if task.owner == user.email
            and not task.deleted
            and task.code == 0
            and not self.types[task.type].allow_conflicts
        ]
        where = zone(user.zone)
        start = resolve_wall_time(datetime.combine(day, _OPENS), user.zone).instant
        closes = resolve_wall_time(datetime.combine(day, _CLOSES), user.zone).instant
        while start + _SLOT <= closes:
            end = start + _SLOT
            if not any(task.start < end and start < task.end for task in busy):
                yield start.astimezone(where), end.astimezone(where)
            start = end

    # --- writing ------------------------------------------------------------------------------

    def _create(self, ask: Ask) -> Response:
        given = _body(ask)
        type = self._type(given)
        owner = self._owner(given)
        texts = [str(given.get(key) or "") for key in ("Name", "Description")]
        custom = {str(k): str(v) for k, v in (given.get("CustomFields") or {}).items()}
        if any(_MARKUP.search(text) for text in (*texts, *custom.values())):
            raise _refused("MXXSSException", "A potentially dangerous value was detected")
        missing = [name for name in type.mandatory if not custom.get(name)]
        if missing:
            text = f"Mandatory field(s) missing - {', '.join(missing)}"
            raise _refused("MXMandatoryAttributeMissingException", text)
        lead = self._related(given)
        now = self.stamp()
        start = self._time(given, "DueDate")
        task = Task(
            self.new_id(),
            owner.email,
            type.name,
            self.stored_time(ask, start),
            self.stored_time(ask, self._time(given, "EndDate")),
            0,
            lead,
            self.stored_text(ask, texts[0]),
            self.stored_text(ask, texts[1]),
            now,
            now,
            {name: self.stored_text(ask, value) for name, value in custom.items()},
        )
        self.tasks.put(task.id, task)
        return JSONResponse({"Status": "Success", "Message": {"Id": task.id}})

    def _bulk_move(self, ask: Ask) -> Response:
        """Queue new times; ids that are not known are passed over in silence (2.1)."""
        wanted = []
        for row in _rows(_body(ask), "TaskList"):
            start = self.stored_time(ask, self._time(row, "FromDate"))
            end = self.stored_time(ask, self._time(row, "ToDate"))
            wanted.append((str(row.get("UserTaskId", "")), start, end))
        if not wanted:
            raise _refused("MXInvalidInputException", "TaskList is empty")
        if self.fault(FaultKind.FAIL_JOBS, ask):
            wanted = wanted[:-1]

        def move() -> None:
            for id, start, end in wanted:
                task = self.tasks.get(id)
                if task is not None and not task.deleted:
                    moved = replace(task, start=start, end=end, updated_at=self.stamp())
                    self.tasks.put(id, moved)

        number = self.later(self.job_seconds(ask, USUAL_JOB), move)
        return JSONResponse({"Status": "Success", "Message": {"Id": number, "IsSuccessful": True}})

    def _bulk_delete(self, ask: Ask) -> Response:
        ids = [str(id) for id in _rows(_body(ask), "TaskIds")]
        if not 0 < len(ids) <= MOST_DELETED:
            raise _refused("MXInvalidInputException", f"1 to {MOST_DELETED} TaskIds are allowed")
        wanted = ids[:-1] if self.fault(FaultKind.FAIL_JOBS, ask) else ids

        def delete() -> None:
            for id in wanted:
                task = self.tasks.get(id)
                if task is not None and not task.deleted:
                    self.tasks.put(id, replace(task, deleted=True, updated_at=self.stamp()))

        number = self.later(self.job_seconds(ask, USUAL_JOB), delete)
        return JSONResponse({"Status": "Success", "Message": {"Id": number, "IsSuccessful": True}})

    def _complete(self, ask: Ask) -> Response:
        task = self.tasks.get(ask.query.get("id", ""))
        if task is None or task.deleted:
            raise _refused("MXInvalidEntityException", "Task does not exist in the system")
        self.tasks.put(task.id, replace(task, code=1, updated_at=self.stamp()))
        return JSONResponse({"Status": "Success", "Message": {"AffectedRows": 1}})

    # --- fields -------------------------------------------------------------------------------

    def _days(self, given: wire.Json) -> tuple[datetime, datetime]:
        """The window from the first day to the end of the last, in UTC; 100 days at most (1.1)."""
        try:
            first = date.fromisoformat(str(given.get("FromDate", ""))[:10])
            last = date.fromisoformat(str(given.get("ToDate", ""))[:10])
        except ValueError:
            raise _refused("MXInvalidInputException", "FromDate or ToDate is invalid") from None
        if last - first > LONGEST:
            text = "Date range can not be more than 100 days"
            raise _refused("MXInvalidInputException", text)
        start = wire.parse(f"{first} 00:00:00")
        return start, wire.parse(f"{last} 00:00:00") + timedelta(days=1)

    def _time(self, given: wire.Json, key: str) -> datetime:
        try:
            return wire.parse(given.get(key))
        except ValueError:
            raise _refused("MXInvalidInputException", f"{key} is not a valid date time") from None

    def _type(self, given: wire.Json) -> TaskType:
        said = given.get("TaskType")
        name = said.get("Name") if isinstance(said, dict) else None
        if name not in self.types:
            raise _refused("MXInvalidEntityException", f"Task type {name} does not exist")
        return self.types[str(name)]

    def _owner(self, given: wire.Json) -> User:
        email, id = str(given.get("OwnerEmailAddress", "")).casefold(), given.get("OwnerId")
        for user in self.users.values():
            if user.active and (user.email == email or user.id == id):
                return user
        raise _refused("MXInvalidEntityException", "Owner does not exist in the system")

    def _related(self, given: wire.Json) -> str:
        if str(given.get("RelatedEntity", 0)) == "0":
            return ""
        lead = str(given.get("RelatedEntityId", ""))
        if lead not in self.contacts:
            raise _refused("MXInvalidEntityException", "Lead does not exist in the system")
        return lead

    def _shown(self, task: Task) -> wire.Json:
        lead = self.contacts.get(task.lead)
        return wire.task(task, self.types[task.type], self.users[task.owner], lead)


def _body(ask: Ask) -> wire.Json:
    try:
        given = ask.json()
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise _refused("MXInvalidInputException", "The request body is not valid JSON")
    return given


def _rows(given: wire.Json, key: str) -> list[Any]:
    rows = given.get(key)
    if not isinstance(rows, list):
        raise _refused("MXInvalidInputException", f"{key} must be a list")
    return rows


def _page(given: wire.Json, found: list[Task]) -> list[Task]:
    """Pages count from 1."""
    paging = given.get("Paging") or {}
    index, size = int(paging.get("PageIndex", 1)), int(paging.get("PageSize", 100))
    if index < 1 or size < 1:
        raise _refused("MXInvalidInputException", "Paging is invalid")
    return found[(index - 1) * size : index * size]


def _error(type: str, text: str, status: int) -> JSONResponse:
    body = {"Status": "Error", "ExceptionType": type, "ExceptionMessage": text}
    return JSONResponse(body, status)


def _refused(type: str, text: str) -> Refusal:
    """An application fault, which arrives as HTTP 500 (4.5)."""
    return Refusal(_error(type, text, 500))
