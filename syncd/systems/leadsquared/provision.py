"""The busy type of an account: looked at, since no call of LeadSquared makes a task type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.systems.facts import FactStore
from syncd.systems.leadsquared.calls import Api
from syncd.systems.leadsquared.opening import open_transport
from syncd.systems.leadsquared.types import allows_conflicts, is_appointment, mandatory_fields
from syncd.systems.leadsquared.wire import TaskType
from syncd.systems.lenient import text
from syncd.systems.provisioning import Actual, Desired, Request, ResourceType

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

    fixed: Mapping[ResourceType, Collection[str]] = {ResourceType.BUSY_TYPE: tuple(FIT)}
    replaces: Collection[ResourceType] = ()
    undeletable: Collection[ResourceType] = (ResourceType.BUSY_TYPE,)

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
        self.facts = FactStore(name, clock)
        self._transport = open_transport(name, account, clock, transport, self.facts)
        self._calls = Api(name, self._transport)

    async def list_actual(self, sort: ResourceType, names: Collection[str]) -> Sequence[Actual]:
        """List the task types; one whose case differs is the wanted one. Raises PlatformError."""
        if sort is not ResourceType.BUSY_TYPE:
            return []
        wanted = {name.strip().casefold(): name for name in names}
        rows = [row for row in await self._calls.task_types() if isinstance(row, TaskType)]
        return [
            Actual(sort, wanted.get(text(row.name).casefold(), text(row.name)), "", _fields(row))
            for row in rows
        ]

    async def read(self, sort: ResourceType, id: str) -> Actual | None:
        """No call reads one type."""
        del sort, id
        return None

    async def resolve(
        self, thing: Desired, coming: Collection[tuple[ResourceType, str]]
    ) -> Desired:
        """A type refers to nothing."""
        del coming
        return Desired(thing.system, thing.sort, thing.name, dict(FIT))

    def request(self, thing: Desired, existing: Actual | None) -> Request:
        """There is none."""
        raise NotImplementedError

    async def blocker(self, thing: Desired, existing: Actual | None) -> str:
        """The steps for a person."""
        del existing
        return STEPS.format(name=thing.name)

    async def put(self, thing: Desired, existing: Actual | None) -> None:
        """There is nothing to send."""
        raise NotImplementedError

    async def remove(self, existing: Actual) -> None:
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
