"""Read the complete lists of resources and associations of a location.

See docs/platforms/leadconnector-v2.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from syncd.systems.decoding import decode
from syncd.systems.leadconnector.resources import rows_of
from syncd.systems.lenient import LenientValue
from syncd.systems.paging import all_pages

if TYPE_CHECKING:
    from syncd.systems.leadconnector.account import Account
    from syncd.systems.transport import Transport

T = TypeVar("T")

_PAGE = 100
_ASSOCIATIONS_VERSION = "2021-07-28"


class ResourceRow(msgspec.Struct, rename="camel"):
    """One room or equipment. The id is not documented, and may have either of two names.

    See docs/platforms/leadconnector-v2.md#rooms-and-equipment.
    """

    id: Any = None
    other_id: Any = msgspec.field(name="_id", default=None)
    name: Any = None
    is_active: Any = None
    description: Any = None
    quantity: Any = None
    out_of_service: Any = None
    capacity: Any = None
    calendar_ids: list[Any] | str | float | bool | None = None


class AssociationRow(msgspec.Struct, rename="camel"):
    """One association; labels and keys are documented as objects, but sent as texts.

    See docs/platforms/leadconnector-v2.md#associations-and-custom-objects.
    """

    id: Any = None
    key: Any = None
    first_object_key: Any = None
    first_object_label: Any = None
    second_object_key: Any = None
    second_object_label: Any = None
    association_type: Any = None


class AssociationList(msgspec.Struct):
    """The response to ``GET /associations/``; the documentation shows a single association instead.

    See docs/platforms/leadconnector-v2.md#associations-and-custom-objects.
    """

    associations: list[AssociationRow | LenientValue]


class Inventory:
    """Reads complete lists, page by page. Every method raises PlatformError."""

    def __init__(self, account: Account, transport: Transport) -> None:
        """Keep the transport."""
        self._account = account
        self._transport = transport

    async def resources(self, type: str) -> list[ResourceRow]:
        """Return all ``rooms`` or ``equipments``."""
        path = f"/calendars/resources/{type}"

        def rows(body: bytes) -> list[Any]:
            return [
                msgspec.convert(row, type=ResourceRow | LenientValue)
                for row in rows_of(decode(body, Any))
            ]

        return await self._read_pages(path, self._account.version, rows, ResourceRow)

    async def associations(self) -> list[AssociationRow]:
        """Return all associations; the response is a list, or an object that contains the list."""
        account_version = self._account.version
        version = account_version if account_version == "v3" else _ASSOCIATIONS_VERSION
        shape: Any = AssociationList | list[AssociationRow | LenientValue]

        def rows(body: bytes) -> list[Any]:
            found = decode(body, shape)
            return found if isinstance(found, list) else found.associations

        return await self._read_pages("/associations/", version, rows, AssociationRow)

    async def _read_pages(
        self, path: str, version: str, rows_of: Callable[[bytes], list[Any]], kind: type[T]
    ) -> list[T]:
        """Read all pages of a list; a page with fewer rows than requested is the last one."""
        is_last = False

        async def ask(skip: int) -> list[Any]:
            nonlocal is_last
            if is_last:
                return []
            params = {
                "locationId": self._account.location_id,
                "limit": str(_PAGE),
                "skip": str(skip),
            }
            body = await self._transport.read(
                "GET", path, params=params, headers={"Version": version}
            )
            page = self._transport.decoded(partial(rows_of, body), f"GET {path}")
            is_last = len(page) < _PAGE
            return page

        return await all_pages(ask, self._transport, f"GET {path}", kind)
