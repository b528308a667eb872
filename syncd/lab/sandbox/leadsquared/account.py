"""The state of an account, and the actions of its users."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from syncd.lab.sandbox.contacts import ContactRecord
from syncd.lab.sandbox.history import VersionedTable
from syncd.lab.sandbox.leadsquared.facts import AccountFacts
from syncd.lab.sandbox.leadsquared.jobs import JobClock, JobQueue
from syncd.lab.sandbox.leadsquared.records import (
    OFFICE_HOURS,
    TASK_STATUSES,
    AccountUser,
    Category,
    Shift,
    TaskRecord,
    TaskStatus,
    TaskTypeRecord,
)
from syncd.lab.sandbox.limits import RateLimit
from syncd.lab.sandbox.platform import Platform
from syncd.lab.sandbox.records import PlatformAppointment, PlatformBlock
from syncd.model import utc, zone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncd.lab.sandbox.clock import SandboxClock
    from syncd.lab.sandbox.faults import Faults
    from syncd.lab.sandbox.ids import Ids
    from syncd.lab.sandbox.recurring import Move

_WORD = {status: word for word, status in TASK_STATUSES.items()}


class AccountState(AccountFacts, Platform):
    """Users, task types, leads and tasks of one account.

    In the common terms of the sandbox, a calendar is a task type, a user is an e-mail address, a
    contact is a lead, and a block is an appointment of the busy type. The methods act as people in
    the web application do. They check only that ids are known (KeyError) and values valid
    (ValueError).
    """

    counts_page = False
    """Whether RecordCount is wrong: it counts the rows of the page, not of all pages."""

    def __init__(
        self,
        name: str,
        clock: SandboxClock,
        ids: Ids,
        faults: Faults | None = None,
        *,
        access_key: str = "u$r-sandbox",
        secret_key: str = "sandbox-secret",  # noqa: S107 - only valid for the emulator
        timezone: str = "Europe/Berlin",
        busy_type: str = "Busy",
    ) -> None:
        """Start with the keys' own user and the types Consultation, ``busy_type`` and Follow-up.

        Raises ValueError for an unknown time zone.
        """
        super().__init__(name, clock, ids, faults)
        self.access_key = access_key
        self.secret_key = secret_key
        self.timezone = timezone
        self.zone = zone(timezone)
        self.busy_type = busy_type
        self.limit = RateLimit(25, 5)
        self.users: dict[str, AccountUser] = {}
        self.types: dict[str, TaskTypeRecord] = {}
        self.contacts: dict[str, ContactRecord] = {}
        self._job_clock = JobClock(clock)
        self.jobs = JobQueue(self._job_clock)
        self._tasks: VersionedTable[TaskRecord] = VersionedTable(self._job_clock)
        self._numbers = 10_000
        self.add_type("Consultation", allow_conflicts=False)
        self.add_type(busy_type, allow_conflicts=False)
        self.add_type("Follow-up", Category.TO_DO)
        self.add_user("Integration Account", "integration@example.com", role="Administrator")
        self.key_user = "integration@example.com"

    @property
    def tasks(self) -> VersionedTable[TaskRecord]:
        """Return all tasks, after running the jobs that are due."""
        self.jobs.run()
        return self._tasks

    def queue(self, seconds: float, work: Callable[[], object]) -> str:
        """Add a job that is due in this many seconds, and return its id."""
        return self.jobs.add(self.clock.now() + timedelta(seconds=seconds), work)

    def stamp(self) -> datetime:
        """Return the platform's own time; during a job, the time at which the job was due."""
        due = self._job_clock.at
        return super().stamp() - (self.clock.now() - due if due else timedelta())

    # --- setup --------------------------------------------------------------------------------

    def add_user(
        self,
        name: str,
        email: str,
        id: str = "",
        *,
        role: str = "Sales_User",
        timezone: str = "",
        hours: Sequence[Shift] = OFFICE_HOURS,
        phone: str = "",
    ) -> str:
        """Add a user and return the id; lists and methods identify users by e-mail address.

        Raises ValueError for an unknown time zone.
        """
        where = zone(timezone or self.timezone).key
        user = AccountUser(
            id or self.new_id(), name, email, where, role, hours=tuple(hours), phone=phone
        )
        self.users[email] = user
        return user.id

    def deactivate(self, email: str) -> None:
        """Deactivate a user; the access keys of that user then stop working.

        See docs/platforms/leadsquared.md#access.
        """
        _known(self.users, email, "user")
        self.users[email] = replace(self.users[email], active=False)

    def add_type(
        self,
        name: str,
        category: Category = Category.APPOINTMENT,
        *,
        id: str = "",
        allow_conflicts: bool = True,
        mandatory: Sequence[str] = (),
    ) -> str:
        """Add a task type and return its id; a create must fill the ``mandatory`` custom fields."""
        task_type = TaskTypeRecord(
            id or self.new_id(),
            name,
            category,
            self.clock.now(),
            allow_conflicts,
            mandatory=tuple(mandatory),
        )
        self.types[name] = task_type
        return task_type.id

    def add_contact(self, name: str, email: str = "", phone: str = "", id: str = "") -> str:
        """Add a lead and return its id."""
        contact = ContactRecord(id or self.new_id(), name, email, phone)
        self.contacts[contact.id] = contact
        return contact.id

    # --- actions of the users -----------------------------------------------------------------

    def book(
        self,
        calendar: str,
        user: str,
        start: datetime,
        end: datetime,
        contact: str,
        status: str = "confirmed",
        title: str = "Appointment",
        *,
        id: str = "",
        series: str = "",
    ) -> str:
        """Enter an appointment of a type (calendar) with a user (e-mail), and return its id.

        With ``series``, it is an instance of the recurring appointment with that id.
        """
        _known(self.types, calendar, "task type")
        _known(self.contacts, contact, "lead")
        fields = {"lead": contact, "series": series, **_status(status, end)}
        return self._enter(calendar, user, start, end, title, id=id, **fields)

    def instances(self, series: str) -> list[TaskRecord]:
        """Return the appointments of a series that are not deleted, sorted by time."""
        instances = [t for t in self.tasks.values() if t.series == series and not t.deleted]
        return sorted(instances, key=lambda t: (t.start, t.id))

    def series_of(self) -> dict[str, str]:
        """Return the series of every instance that ever existed, by instance id."""
        return {each.id: each.series for each in self.tasks.values() if each.series}

    def instance_id(self, series: str, start: datetime, end: datetime) -> str:  # noqa: ARG002
        """Return the id of a new instance of a series; it is an ordinary id."""
        return self.new_id()

    def move_instances(self, moves: Mapping[str, Move], series: str) -> None:
        """Move instances of a series, all at the same moment, optionally with new ids.

        ``moves`` has the new id, start and end of each instance, by its current id. ``series`` is
        the master id of the moved instances, which may be new.
        """
        records = [self._appointment(id) for id in moves]
        for record in records:
            if moves[record.id][0] != record.id:
                self.delete(record.id)
        for record in records:
            new_id, start, end = moves[record.id]
            start, end = _interval(start, end)
            moved = self._touched(record, id=new_id, start=start, end=end, series=series)
            self.tasks.put(new_id, moved)

    def move(self, id: str, start: datetime, end: datetime, user: str | None = None) -> str:
        """Move an appointment, or give it to another user (None: same user).

        Return the id of the appointment, which is new with the fault NEW_ID_ON_MOVE.
        """
        task = self._appointment(id)
        if user:
            _known(self.users, user, "user")
            task = replace(task, owner=self.users[user].id)
        start, end = _interval(start, self.end_by_hand(start, end, task))
        moved = self._touched(task, id=self.moved_id(id), start=start, end=end)
        if moved.id != id:
            self.delete(id)
        self.tasks.put(moved.id, moved)
        return moved.id

    def set_status(self, id: str, status: str) -> None:
        """Complete, reopen or cancel an appointment, as people do in the web application."""
        task = self._appointment(id)
        self.tasks.put(id, self._touched(task, **_status(status, self.stamp())))

    def cancel(self, id: str) -> None:
        """Cancel an appointment. It stays listed, with a StatusCode that no document names."""
        self.set_status(id, "cancelled")

    def delete(self, id: str) -> None:
        """Delete an appointment. No list or read shows it any more.

        See docs/platforms/leadsquared.md#deleting.
        """
        self.tasks.put(id, self._touched(self._appointment(id), deleted=True))

    def undelete(self, id: str) -> None:
        """Restore a deleted appointment. Raises KeyError if it is not deleted."""
        task = self.tasks.get(id)
        if task is None or not task.deleted:
            message = f"there is no deleted appointment {id}"
            raise KeyError(message)
        self.tasks.put(id, self._touched(task, deleted=False))

    def block(
        self, user: str, start: datetime, end: datetime, title: str, calendar: str | None = None
    ) -> str:
        """Enter an appointment of the busy type, which blocks a user's time. Returns its id."""
        if calendar and calendar != self.busy_type:
            message = f"a block has the type {self.busy_type}, not {calendar}"
            raise ValueError(message)
        return self._enter(self.busy_type, user, start, end, title)

    def move_block(self, id: str, start: datetime, end: datetime) -> None:
        """Move a block."""
        block = self._block(id)
        start, end = _interval(start, self.end_by_hand(start, end, block))
        self.tasks.put(id, self._touched(block, start=start, end=end))

    def remove_block(self, id: str) -> None:
        """Remove a block."""
        self.tasks.put(id, self._touched(self._block(id), deleted=True))

    def copy_block(
        self,
        id: str,
        user: str,
        start: datetime,
        end: datetime,
        *,
        calendar: str = "",
        contact: str = "",
    ) -> str:
        """Duplicate a block with its text; with a contact, as an appointment of that type.

        Without a type, the copy keeps the busy type and still has the customer.
        """
        block = self._block(id)
        fields = {"description": block.description, "custom": block.custom, "lead": contact}
        return self._enter(
            calendar or self.busy_type, user, start, end, self._subject(block), **fields
        )

    def add_text(self, id: str, text: str) -> None:
        """Append a text to an appointment's description."""
        task = self._appointment(id)
        self.tasks.put(id, self._touched(task, description=f"{task.description} {text}"))

    def rename_user(self, user: str, new: str) -> str:
        """Change a user's e-mail address; id and tasks stay. Returns the new e-mail address."""
        _known(self.users, user, "user")
        self.users[new] = replace(self.users.pop(user), email=new)
        return new

    def merge_users(self, user: str, into: str) -> str:
        """Transfer all tasks of ``user`` to the user ``into``, and remove ``user``."""
        _known(self.users, user, "user")
        _known(self.users, into, "user")
        removed = self.users.pop(user)
        self.transfer_tasks(removed.id, self.users[into].id)
        return into

    def transfer_tasks(self, owner: str, to: str) -> None:
        """Replace one user by another one in all tasks; both are ids."""

        def replaced(id: str) -> str:
            return to if id == owner else id

        for task in list(self.tasks.values()):
            changed = replace(
                task,
                owner=replaced(task.owner),
                created_by=replaced(task.created_by),
                modified_by=replaced(task.modified_by),
            )
            if changed != task:
                self.tasks.put(task.id, changed)

    # --- inspection ---------------------------------------------------------------------------

    def appointments(self) -> list[PlatformAppointment]:
        """Return all appointments except blocks and to-dos, including deleted ones."""
        return [
            PlatformAppointment(
                task.id,
                task.type,
                self._email(task.owner),
                task.start,
                task.end,
                _WORD[task.status],
                task.lead,
                self._subject(task),
                task.modified_at,
                task.deleted,
            )
            for task in self.tasks.values()
            if task.type != self.busy_type and not self._is_to_do(task)
        ]

    def changes(self) -> int:
        """Return how often tasks have changed, including changes by jobs that are due."""
        return self.tasks.changes

    def blocks(self) -> list[PlatformBlock]:
        """Return all appointments of the busy type, including deleted ones.

        The title of a block joins all its visible texts: subject, description, custom fields.
        """
        return [
            PlatformBlock(
                task.id,
                self._email(task.owner),
                "",
                task.start,
                task.end,
                " ".join(
                    filter(None, (self._subject(task), task.description, *task.custom.values()))
                ),
                task.modified_at,
                task.deleted or task.status is TaskStatus.CANCELLED,
            )
            for task in self.tasks.values()
            if task.type == self.busy_type
        ]

    # --- internals ----------------------------------------------------------------------------

    def next_number(self) -> int:
        """Return the number of the next task, counted per account."""
        self._numbers += 1
        return self._numbers

    def _enter(
        self, type: str, user: str, start: datetime, end: datetime, title: str, **fields: Any
    ) -> str:
        _known(self.users, user, "user")
        start, end = _interval(start, self.end_by_hand(start, end))
        owner, now = self.users[user].id, self.stamp()
        task = TaskRecord(
            id=fields.pop("id", "") or self.new_id(),
            number=self.next_number(),
            type=type,
            owner=owner,
            name=f"{type}:{title}",  # the format of the web application
            start=start,
            end=end,
            created_by=owner,
            created_at=now,
            modified_by=owner,
            modified_at=now,
            **fields,
        )
        self.tasks.put(task.id, task)
        return task.id

    def _touched(self, task: TaskRecord, **change: Any) -> TaskRecord:
        """Return the task as changed by its owner."""
        return replace(task, modified_by=task.owner, modified_at=self.stamp(), **change)

    def _appointment(self, id: str) -> TaskRecord:
        task = self.tasks.get(id)
        if task is None or task.deleted or task.type == self.busy_type or self._is_to_do(task):
            message = f"there is no appointment {id}"
            raise KeyError(message)
        return task

    def _block(self, id: str) -> TaskRecord:
        task = self.tasks.get(id)
        if task is None or task.deleted or task.type != self.busy_type:
            message = f"there is no block {id}"
            raise KeyError(message)
        return task

    def _is_to_do(self, task: TaskRecord) -> bool:
        return self.types[task.type].category is Category.TO_DO

    def _email(self, owner: str) -> str:
        return next(user.email for user in self.users.values() if user.id == owner)

    def _subject(self, task: TaskRecord) -> str:
        return task.name.removeprefix(f"{task.type}:")


def _known(records: Mapping[str, object], id: str, what: str) -> None:
    if id not in records:
        message = f"there is no {what} {id}"
        raise KeyError(message)


def _interval(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return the interval in whole seconds, the platform's granularity."""
    return utc(start).replace(microsecond=0), utc(end).replace(microsecond=0)


def _status(word: str, at: datetime) -> dict[str, Any]:
    """Return the task fields that a status sets. Raises ValueError for an unknown status."""
    if word not in TASK_STATUSES:
        message = f"status {word!r} is not one of {', '.join(sorted(TASK_STATUSES))}"
        raise ValueError(message)
    complete = TASK_STATUSES[word] is TaskStatus.COMPLETE
    return {"status": TASK_STATUSES[word], "completed_at": utc(at) if complete else None}
