"""Provision the busy type of an account: check only, as no API call creates task types."""

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

CREATE_BUSY_TYPE = (
    "LeadSquared has no API for this. In LeadSquared, as an administrator: My Profile > Settings > "
    'Leads > Task Types > Create. Name it "{name}"; category Appointment; leave "Allow Conflicts" '
    "off; add no mandatory custom fields; save, and run the command again"
)
BUSY_TYPE_FIELDS = {"category": "appointment", "mandatory_fields": [], "allows_conflicts": False}
"""The fields that the busy type must have: it takes time, needs no input, and blocks its time."""


class Provisioner:
    """The busy type of one account. Implements `provisioning.Provisioner`; it never writes."""

    fixed: Mapping[ResourceType, Collection[str]] = {
        ResourceType.BUSY_TYPE: tuple(BUSY_TYPE_FIELDS)
    }
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
        """Prepare the connections without sending anything."""
        self.name = name
        self.facts = FactStore(name, clock)
        self._transport = open_transport(name, account, clock, transport, self.facts)
        self._calls = Api(name, self._transport)

    async def list_actual(self, sort: ResourceType, names: Collection[str]) -> Sequence[Actual]:
        """List the task types; names are compared without case. Raises PlatformError."""
        if sort is not ResourceType.BUSY_TYPE:
            return []
        wanted = {name.strip().casefold(): name for name in names}
        rows = [row for row in await self._calls.task_types() if isinstance(row, TaskType)]
        return [
            Actual(sort, wanted.get(text(row.name).casefold(), text(row.name)), "", _fields(row))
            for row in rows
        ]

    async def read(self, sort: ResourceType, id: str) -> Actual | None:
        """Return None: no call reads a single type."""
        del sort, id
        return None

    async def resolve(
        self, thing: Desired, coming: Collection[tuple[ResourceType, str]]
    ) -> Desired:
        """Return the type with its required fields; it has no names to resolve."""
        del coming
        return Desired(thing.system, thing.sort, thing.name, dict(BUSY_TYPE_FIELDS))

    def request(self, thing: Desired, existing: Actual | None) -> Request:
        """Raise NotImplementedError: no API call creates types."""
        raise NotImplementedError

    async def blocker(self, thing: Desired, existing: Actual | None) -> str:
        """Return the steps by which the operator creates the type in LeadSquared."""
        del existing
        return CREATE_BUSY_TYPE.format(name=thing.name)

    async def put(self, thing: Desired, existing: Actual | None) -> None:
        """Raise NotImplementedError: no API call creates types."""
        raise NotImplementedError

    async def remove(self, existing: Actual) -> None:
        """Raise NotImplementedError: no API call removes types."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


def _fields(row: TaskType) -> dict[str, object]:
    """Return the fields to compare; most accounts do not show whether conflicts are allowed."""
    conflicts = allows_conflicts(row)
    return {
        "category": "appointment" if is_appointment(row) else "to-do",
        "mandatory_fields": mandatory_fields(row),
        **({} if conflicts is None else {"allows_conflicts": conflicts}),
    }
