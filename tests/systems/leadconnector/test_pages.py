"""Test that rows which are no objects do not end a list of several pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from syncd.systems.errors import IncompleteReadError, PlatformError
from syncd.systems.leadconnector import Account
from syncd.systems.leadconnector.calls import Api
from syncd.systems.leadconnector.inventory import Inventory

ACCOUNT = Account(base_url="http://clinic", location_id="loc", token="token")
NAMES = [f"room {number}" for number in range(250)]


@dataclass
class PagedTransport:
    """A transport whose every list has these rows, in pages."""

    rows: list[Any]

    async def read(
        self, _method: str, _path: str, *, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> bytes:
        """Return one page."""
        del headers
        skip, limit = int(params["skip"]), int(params["limit"])
        return json.dumps(self.rows[skip : skip + limit]).encode()

    def decode(self, body: bytes, shape: type[Any], _call: str) -> Any:
        """Decode a body."""
        return msgspec.json.decode(body, type=shape)

    def decoded(self, decode: Callable[[], Any], _call: str) -> Any:
        """Decode."""
        return decode()

    def incomplete(self, call: str, detail: str) -> PlatformError:
        """Return a fault."""
        return IncompleteReadError("clinic", call, detail=detail)


async def known_rooms(transport: Any) -> list[str]:
    return [str(row["name"]) for row in await Api("clinic", ACCOUNT, transport).resources("rooms")]


async def rooms(transport: Any) -> list[str]:
    return [str(row.name) for row in await Inventory(ACCOUNT, transport).resources("rooms")]


async def associations(transport: Any) -> list[str]:
    return [str(row.key) for row in await Inventory(ACCOUNT, transport).associations()]


@pytest.mark.parametrize("read", [known_rooms, rooms, associations])
@pytest.mark.parametrize("broken", [[7], [0, 100], [99, 100, 199], range(100)], ids=str)
async def test_rows_that_are_no_objects_cost_no_other_row(read: Any, broken: list[int]) -> None:
    rows: list[Any] = [{"id": name, "key": name, "name": name} for name in NAMES]
    for number in broken:
        rows.insert(number, None)
    assert await read(PagedTransport(rows)) == NAMES
