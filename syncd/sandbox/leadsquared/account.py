"""An account's state, what its staff does by hand, and the jobs that it carries out later."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.model import utc, zone
from syncd.sandbox.history import Table
from syncd.sandbox.leadsquared.records import BUSY, CODES, WORDS, Task, TaskType, User
from syncd.sandbox.limits import RateLimit
from syncd.sandbox.people import Contact
from syncd.sandbox.platform import Platform
from syncd.sandbox.records import Appointment, Block

if TYPE_CHECKING:
    from syncd.sandbox.clock import Clock
    from syncd.sandbox.faults import Faults
    from syncd.sandbox.ids import Ids


class Account(Platform):
    """Users, task types, leads and tasks of one account.

    The verbs act as people in the web application do. They check only that names are known
    (KeyError) and that values make sense (ValueError). A user is named by e-mail address, a
    "calendar" is the name of a task type.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        ids: Ids,
        faults: Faults | None = None,
        *,
        access_key: str = "u$r-sandbox-access",
        secret_key: str = "sandbox-secret",  # noqa: S107 - opens nothing but the emulator
        timezone: str = "Europe/Berlin",
    ) -> None:
        """Start with two task types and nobody. Raises ValueError for an unknown zone."""
        super().__init__(name, clock, ids, faults)
        self.access_key = access_key
        self.secret_key = secret_key
        self.timezone = timezone
        self.zone = zone(timezone)
        self.limit = RateLimit(25, 5)
        self.users: dict[str, User] = {}
        self.types: dict[str, TaskType] = {}
        self.contacts: dict[str, Contact] = {}
        self.tasks: Table[Task] = Table(clock)
        self.keys_in_query = 0
        """How many requests carried their keys where every proxy logs them."""
        self._jobs: list[tuple[datetime, Callable[[], None]]] = []
        self._job_number = 5_812_944
        self.add_type("Consultation", allow_conflicts=False)
        self.add_type(BUSY, allow_conflicts=False)

    # --- setting up ---------------------------------------------------------------------------

    def add_user(self, name: str, email: str, *, timezone: str = "", active: bool = True) -> str:
        """Add a member of staff; returns the id."""
        user = User(self.new_id(), name, email.casefold(), timezone or self.timezone, active)
        self.users[user.email] = user
        return user.id

    def add_type(
        self,
        name: str,
        *,
        category: int = 0,
        allow_conflicts: bool = False,
        mandatory: tuple[str, ...] = (),
    ) -> str:
        """Add a task type; returns its name."""
        self.types[name] = TaskType(self.new_id(), name, category, allow_conflicts, mandatory)
        return name

    def add_contact(self, name: str, email: str = "", phone: str = "") -> str:
        """Add a customer: a lead. ``phone`` is E.164."""
        lead = Contact(self.new_id(), name, email, phone)
        self.contacts[lead.id] = lead
        return lead.id

    # --- acting as the staff ------------------------------------------------------------------

    def book(  # noqa: PLR0913, PLR0917 - the facts of one booking
        self,
        calendar: str,
        user: str,
        start: datetime,
        end: datetime,
        contact: str,
        status: str = "confirmed",
        title: str = "Appointment",
    ) -> str:
        """Enter an appointment. Returns its id."""
        _known(self.types, calendar, "task type")
        _known(self.contacts, contact, "lead")
        return self._enter(calendar, user, start, end, contact, _code(status), title)

    def move(self, id: str, start: datetime, end: datetime, user: str | None = None) -> str:
        """Move an appointment, or give it to another user. Returns its id, which may be new."""
        task = self._task(id)
        if user:
            _known(self.users, user.casefold(), "user")
        moved = replace(
            task,
            id=self.moved_id(id),
            start=utc(start),
            end=utc(end),
            owner=user.casefold() if user else task.owner,
            updated_at=self.stamp(),
        )
        if moved.id != id:
            self.delete(id)
        self.tasks.put(moved.id, moved)
        return moved.id

    def set_status(self, id: str, status: str) -> None:
        """Give an appointment another status; LeadSquared knows no no-show."""
        changed = replace(self._task(id), code=_code(status), updated_at=self.stamp())
        self.tasks.put(id, changed)

    def cancel(self, id: str) -> None:
        """Press the product's Cancel button: the appointment stays listed."""
        self.set_status(id, "cancelled")

    def delete(self, id: str) -> None:
        """Delete an appointment: it is in no list any more."""
        self.tasks.put(id, replace(self._task(id), deleted=True, updated_at=self.stamp()))

    def block(
        self, user: str, start: datetime, end: datetime, title: str, calendar: str | None = None
    ) -> str:
        """Close a user's time with an appointment of the busy type. Returns its id."""
        return self._enter(calendar or BUSY, user, start, end, "", 0, title)

    def move_block(self, id: str, start: datetime, end: datetime) -> None:
        """Move a block."""
        self.move(id, start, end)

    def remove_block(self, id: str) -> None:
        """Remove a block."""
        self.delete(id)

    # --- looking at it ------------------------------------------------------------------------

    def appointments(self) -> list[Appointment]:
        """All appointments of other types than the busy one, deleted ones too."""
        self.settle()
        return [
            Appointment(
                t.id,
                t.type,
                t.owner,
                t.start,
                t.end,
                WORDS[t.code],
                t.lead,
                t.name,
                t.updated_at,
                t.deleted,
            )
            for t in self.tasks.values()
            if t.type != BUSY
        ]

    def blocks(self) -> list[Block]:
        """All appointments of the busy type, deleted ones too; the title holds all their text."""
        self.settle()
        return [
            Block(
                t.id,
                t.owner,
                "",
                t.start,
                t.end,
                f"{t.name} {t.description}".strip(),
                t.updated_at,
                t.deleted,
            )
            for t in self.tasks.values()
            if t.type == BUSY
        ]

    # --- jobs ---------------------------------------------------------------------------------

    def later(self, seconds: float, job: Callable[[], None]) -> str:
        """Carry out a job after that long. Returns its number, about which nobody can ask."""
        self._jobs.append((self.clock.now() + timedelta(seconds=seconds), job))
        self._job_number += 1
        return str(self._job_number)

    def settle(self) -> None:
        """Carry out the jobs that are due by now."""
        now = self.clock.now()
        due = [job for at, job in self._jobs if at <= now]
        self._jobs = [(at, job) for at, job in self._jobs if at > now]
        for job in due:
            job()

    # --- within -------------------------------------------------------------------------------

    def _enter(  # noqa: PLR0913, PLR0917 - the facts of one task
        self,
        type: str,
        user: str,
        start: datetime,
        end: datetime,
        lead: str,
        code: int,
        title: str,
    ) -> str:
        _known(self.types, type, "task type")
        owner = user.casefold()
        _known(self.users, owner, "user")
        now = self.stamp()
        task = Task(
            self.new_id(), owner, type, utc(start), utc(end), code, lead, title, "", now, now
        )
        self.tasks.put(task.id, task)
        return task.id

    def _task(self, id: str) -> Task:
        self.settle()
        task = self.tasks.get(id)
        if task is None or task.deleted:
            message = f"no appointment {id}"
            raise KeyError(message)
        return task


def _known(records: Container[str], id: str, what: str) -> None:
    if id not in records:
        message = f"no {what} {id}"
        raise KeyError(message)


def _code(status: str) -> int:
    if status not in CODES:
        message = f"LeadSquared has no status {status!r}; it has {', '.join(CODES)}"
        raise ValueError(message)
    return CODES[status]
