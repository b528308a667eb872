"""An account's state, and what its users do with it by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from syncd.model import utc, zone
from syncd.sandbox.contacts import Contact
from syncd.sandbox.history import VersionedTable
from syncd.sandbox.leadsquared.facts import Facts
from syncd.sandbox.leadsquared.jobs import JobClock, Jobs
from syncd.sandbox.leadsquared.records import (
    OFFICE_HOURS,
    WORDS,
    Category,
    Shift,
    Status,
    Task,
    TaskType,
    User,
)
from syncd.sandbox.limits import RateLimit
from syncd.sandbox.platform import Platform
from syncd.sandbox.records import Appointment, Block

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from syncd.sandbox.clock import Clock
    from syncd.sandbox.faults import Faults
    from syncd.sandbox.ids import Ids
    from syncd.sandbox.recurring import Move

_WORD = {status: word for word, status in WORDS.items()}


class Account(Facts, Platform):
    """Users, task types, leads and tasks of one account.

    In the sandbox's common words a calendar is a task type, a user is an e-mail, a contact is a
    lead, and a block is an appointment of the busy type. The verbs act as people in the web
    application do: they check nothing but that ids are known (KeyError) and that values make
    sense (ValueError).
    """

    counts_page = False
    """RecordCount lies: it counts the rows of a page, not those of all pages."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        ids: Ids,
        faults: Faults | None = None,
        *,
        access_key: str = "u$r-sandbox",
        secret_key: str = "sandbox-secret",  # noqa: S107 - opens nothing but the emulator
        timezone: str = "Europe/Berlin",
        busy_type: str = "Busy",
    ) -> None:
        """Start with the keys' own user and the types Consultation, ``busy_type`` and Follow-up.

        Raises ValueError for an unknown zone.
        """
        super().__init__(name, clock, ids, faults)
        self.access_key = access_key
        self.secret_key = secret_key
        self.timezone = timezone
        self.zone = zone(timezone)
        self.busy_type = busy_type
        self.limit = RateLimit(25, 5)
        self.users: dict[str, User] = {}
        self.types: dict[str, TaskType] = {}
        self.contacts: dict[str, Contact] = {}
        self._job_clock = JobClock(clock)
        self.jobs = Jobs(self._job_clock)
        self._tasks: VersionedTable[Task] = VersionedTable(self._job_clock)
        self._numbers = 10_000
        self.add_type("Consultation", allow_conflicts=False)
        self.add_type(busy_type, allow_conflicts=False)
        self.add_type("Follow-up", Category.TO_DO)
        self.add_user("Integration Account", "integration@example.com", role="Administrator")
        self.key_user = "integration@example.com"

    @property
    def tasks(self) -> VersionedTable[Task]:
        """All tasks, after the jobs that are due by now."""
        self.jobs.run()
        return self._tasks

    def queue(self, seconds: float, work: Callable[[], object]) -> str:
        """Promise work in so many seconds; returns the job's id."""
        return self.jobs.add(self.clock.now() + timedelta(seconds=seconds), work)

    def stamp(self) -> datetime:
        """The platform's own idea of now; during a job, of the time that it was due."""
        due = self._job_clock.at
        return super().stamp() - (self.clock.now() - due if due else timedelta())

    # --- setting up ---------------------------------------------------------------------------

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
        """Add a user. Returns the id; lists and verbs know users by e-mail.

        Raises ValueError for an unknown zone.
        """
        where = zone(timezone or self.timezone).key
        user = User(id or self.new_id(), name, email, where, role, hours=tuple(hours), phone=phone)
        self.users[email] = user
        return user.id

    def deactivate(self, email: str) -> None:
        """Deactivate a user; that of the keys takes them along.

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
        """Add a task type; ``mandatory`` names custom fields that a create must fill."""
        made = TaskType(
            id or self.new_id(),
            name,
            category,
            self.clock.now(),
            allow_conflicts,
            mandatory=tuple(mandatory),
        )
        self.types[name] = made
        return made.id

    def add_contact(self, name: str, email: str = "", phone: str = "", id: str = "") -> str:
        """Add a lead."""
        contact = Contact(id or self.new_id(), name, email, phone)
        self.contacts[contact.id] = contact
        return contact.id

    # --- acting as the users ------------------------------------------------------------------

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
        """Enter an appointment of a type (calendar) with a user (e-mail). Returns its id.

        One with a ``series`` is one of the recurring appointment of that id.
        """
        _known(self.types, calendar, "task type")
        _known(self.contacts, contact, "lead")
        more = {"lead": contact, "series": series, **_status(status, end)}
        return self._enter(calendar, user, start, end, title, id=id, **more)

    def instances(self, series: str) -> list[Task]:
        """The appointments of a series that are not deleted, in the order of time."""
        found = [t for t in self.tasks.values() if t.series == series and not t.deleted]
        return sorted(found, key=lambda t: (t.start, t.id))

    def series_of(self) -> dict[str, str]:
        """The series of every instance that ever was, by its id."""
        return {each.id: each.series for each in self.tasks.values() if each.series}

    def instance_id(self, series: str, start: datetime, end: datetime) -> str:  # noqa: ARG002
        """The id of an instance: an id as any other."""
        return self.new_id()

    def move_instances(self, moves: Mapping[str, Move], series: str) -> None:
        """Move these instances at once, perhaps to other ids and another series."""
        records = [self._appointment(id) for id in moves]
        for record in records:
            if moves[record.id][0] != record.id:
                self.delete(record.id)
        for record in records:
            known, start, end = moves[record.id]
            start, end = _interval(start, end)
            moved = self._touched(record, id=known, start=start, end=end, series=series)
            self.tasks.put(known, moved)

    def move(self, id: str, start: datetime, end: datetime, user: str | None = None) -> str:
        """Move an appointment, or give it to another user. Returns its id, which may be new."""
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
        """Complete, re-open or cancel an appointment, as people can in the web application."""
        task = self._appointment(id)
        self.tasks.put(id, self._touched(task, **_status(status, self.stamp())))

    def cancel(self, id: str) -> None:
        """Cancel an appointment; it stays listed, with a StatusCode that no document names."""
        self.set_status(id, "cancelled")

    def delete(self, id: str) -> None:
        """Delete an appointment: it is gone from all lists and reads.

        See docs/platforms/leadsquared.md#deleting.
        """
        self.tasks.put(id, self._touched(self._appointment(id), deleted=True))

    def undelete(self, id: str) -> None:
        """Restore a deleted appointment as it was."""
        task = self.tasks.get(id)
        if task is None or not task.deleted:
            message = f"no deleted appointment {id}"
            raise KeyError(message)
        self.tasks.put(id, self._touched(task, deleted=False))

    def block(
        self, user: str, start: datetime, end: datetime, title: str, calendar: str | None = None
    ) -> str:
        """Enter an appointment of the busy type, which closes a user's time. Returns its id."""
        if calendar and calendar != self.busy_type:
            message = f"a block is an appointment of type {self.busy_type}, not {calendar}"
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
        """Duplicate a block, text and all; with a contact, as an appointment of that type.

        Where no type is named, it keeps the busy type, and has a customer all the same.
        """
        block = self._block(id)
        more = {"description": block.description, "custom": block.custom, "lead": contact}
        return self._enter(
            calendar or self.busy_type, user, start, end, self._subject(block), **more
        )

    def add_text(self, id: str, text: str) -> None:
        """Paste a text into an appointment's description."""
        task = self._appointment(id)
        self.tasks.put(id, self._touched(task, description=f"{task.description} {text}"))

    def rename_user(self, user: str, new: str) -> str:
        """Give a user another e-mail address; the id and all tasks stay. Returns the address."""
        _known(self.users, user, "user")
        self.users[new] = replace(self.users.pop(user), email=new)
        return new

    def merge_users(self, user: str, into: str) -> str:
        """Transfer all tasks of a user to another one, and remove the user."""
        _known(self.users, user, "user")
        _known(self.users, into, "user")
        gone = self.users.pop(user)
        self.give_tasks(gone.id, self.users[into].id)
        return into

    def give_tasks(self, owner: str, to: str) -> None:
        """Let one user stand for another one in all tasks; both are ids."""

        def instead(id: str) -> str:
            return to if id == owner else id

        for task in list(self.tasks.values()):
            given = replace(
                task,
                owner=instead(task.owner),
                created_by=instead(task.created_by),
                modified_by=instead(task.modified_by),
            )
            if given != task:
                self.tasks.put(task.id, given)

    # --- looking at it ------------------------------------------------------------------------

    def appointments(self) -> list[Appointment]:
        """All appointments but those of the busy type, deleted ones too; no to-dos."""
        return [
            Appointment(
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
        """How often tasks changed until now, by the jobs that are due as well."""
        return self.tasks.changes

    def blocks(self) -> list[Block]:
        """All appointments of the busy type, deleted ones too.

        The title of a block is all that a person reads on it: subject, description, custom fields.
        """
        return [
            Block(
                task.id,
                self._email(task.owner),
                "",
                task.start,
                task.end,
                " ".join(
                    filter(None, (self._subject(task), task.description, *task.custom.values()))
                ),
                task.modified_at,
                task.deleted or task.status is Status.CANCELLED,
            )
            for task in self.tasks.values()
            if task.type == self.busy_type
        ]

    # --- inside -------------------------------------------------------------------------------

    def next_number(self) -> int:
        """The number of the next task, counted over the account."""
        self._numbers += 1
        return self._numbers

    def _enter(
        self, type: str, user: str, start: datetime, end: datetime, title: str, **more: Any
    ) -> str:
        _known(self.users, user, "user")
        start, end = _interval(start, self.end_by_hand(start, end))
        owner, now = self.users[user].id, self.stamp()
        task = Task(
            id=more.pop("id", "") or self.new_id(),
            number=self.next_number(),
            type=type,
            owner=owner,
            name=f"{type}:{title}",  # as the web application composes it
            start=start,
            end=end,
            created_by=owner,
            created_at=now,
            modified_by=owner,
            modified_at=now,
            **more,
        )
        self.tasks.put(task.id, task)
        return task.id

    def _touched(self, task: Task, **change: Any) -> Task:
        """The task changed by its owner's hand."""
        return replace(task, modified_by=task.owner, modified_at=self.stamp(), **change)

    def _appointment(self, id: str) -> Task:
        task = self.tasks.get(id)
        if task is None or task.deleted or task.type == self.busy_type or self._is_to_do(task):
            message = f"no appointment {id}"
            raise KeyError(message)
        return task

    def _block(self, id: str) -> Task:
        task = self.tasks.get(id)
        if task is None or task.deleted or task.type != self.busy_type:
            message = f"no block {id}"
            raise KeyError(message)
        return task

    def _is_to_do(self, task: Task) -> bool:
        return self.types[task.type].category is Category.TO_DO

    def _email(self, owner: str) -> str:
        return next(user.email for user in self.users.values() if user.id == owner)

    def _subject(self, task: Task) -> str:
        return task.name.removeprefix(f"{task.type}:")


def _known(records: Mapping[str, object], id: str, what: str) -> None:
    if id not in records:
        message = f"no {what} {id}"
        raise KeyError(message)


def _interval(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The interval in the platform's grain of a second."""
    return utc(start).replace(microsecond=0), utc(end).replace(microsecond=0)


def _status(word: str, at: datetime) -> dict[str, Any]:
    """What a status changes in a task. Raises ValueError for one that the platform lacks."""
    if word not in WORDS:
        message = f"status {word!r} is none of {', '.join(sorted(WORDS))}"
        raise ValueError(message)
    complete = WORDS[word] is Status.COMPLETE
    return {"status": WORDS[word], "completed_at": utc(at) if complete else None}
