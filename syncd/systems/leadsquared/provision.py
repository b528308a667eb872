"""The busy type of an account: looked at, since no call of LeadSquared makes a task type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.facts import Facts
from syncd.systems.leadsquared.calls import Calls
from syncd.systems.leadsquared.opening import open_transport
from syncd.systems.leadsquared.types import allows_conflicts, is_appointment, mandatory_fields
from syncd.systems.leadsquared.wire import TaskType
from syncd.systems.loose import text
from syncd.systems.provisioning import Existing, Request, Sort, Thing

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import httpx

    from syncd.model import Clock
    from syncd.systems.leadsquared.account import Account

STEPS = (
    "LeadSquared has no API for this. In LeadSquared, as an administrator: My Profile > Settings > "
    'Leads > Task Types > Create. Name it "{name}"; category Appointment; leave "Allow Conflicts" '
    "off; add no mandatory custom fields; save, and run this again"
)
FIT = {"category": "appointment", "mandatory_fields": [], "allows_conflicts": False}
"""What a type must be for blocks: it takes time, wants nothing filled in, and excludes others."""


class Provisioner:
    """The busy type of one account. Keeps `provisioning.Provisioner`; it never writes."""

    fixed: Mapping[Sort, Collection[str]] = {Sort.BUSY_TYPE: tuple(FIT)}
    replaces: Collection[Sort] = ()
    kept: Collection[Sort] = (Sort.BUSY_TYPE,)

    def __init__(
        self,
        name: str,
        account: Account,
        clock: Clock,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare the connections; nothing is sent yet."""
        self.name = name
        self.facts = Facts(name, clock)
        self._transport = open_transport(name, account, clock, transport, self.facts)
        self._calls = Calls(name, self._transport)

    async def look(self, sort: Sort, names: Collection[str]) -> Sequence[Existing]:
        """List the task types; one whose case differs is the wanted one. Raises SystemFault."""
        if sort is not Sort.BUSY_TYPE:
            return []
        wanted = {name.strip().casefold(): name for name in names}
        rows = [row for row in await self._calls.task_types() if isinstance(row, TaskType)]
        return [
            Existing(sort, wanted.get(text(row.name).casefold(), text(row.name)), "", _fields(row))
            for row in rows
        ]

    async def read(self, sort: Sort, id: str) -> Existing | None:
        """No call reads one type."""
        del sort, id
        return None

    async def resolve(self, thing: Thing, coming: Collection[tuple[Sort, str]]) -> Thing:
        """A type refers to nothing."""
        del coming
        return Thing(thing.system, thing.sort, thing.name, dict(FIT))

    def request(self, thing: Thing, existing: Existing | None) -> Request:
        """There is none."""
        raise NotImplementedError

    async def obstacle(self, thing: Thing, existing: Existing | None) -> str:
        """The steps for a person."""
        del existing
        return STEPS.format(name=thing.name)

    async def put(self, thing: Thing, existing: Existing | None) -> None:
        """There is nothing to send."""
        raise NotImplementedError

    async def remove(self, existing: Existing) -> None:
        """There is nothing to send."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Give back the connections."""
        await self._transport.aclose()


def _fields(row: TaskType) -> dict[str, object]:
    """What the account shows; most do not tell whether conflicts are allowed."""
    told = allows_conflicts(row)
    return {
        "category": "appointment" if is_appointment(row) else "to-do",
        "mandatory_fields": mandatory_fields(row),
        **({} if told is None else {"allows_conflicts": told}),
    }
