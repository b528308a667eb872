"""Read all pages of a list, with bounds: some platforms never end a list."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from syncd.systems.capped_lists import LIST_SECONDS
from syncd.systems.sizes import MAX_ROWS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from syncd.systems.transport import Transport

T = TypeVar("T")

MAX_PAGES = 100
"""Pages of one list that are read at most."""


async def all_pages(
    read_page: Callable[[int], Awaitable[Sequence[object]]],
    transport: Transport,
    call: str,
    kind: type[T],
) -> list[T]:
    """Return the rows of all pages; ``read_page`` reads the page that begins after so many rows.

    Rows of another type than ``kind`` are left out; they count for the offset. An empty page ends
    the list. So does a page that begins with a known row, because then the platform ignores the
    offset. ``call`` is named in errors. Raises PlatformError, also if the list exceeds the bounds
    on pages.
    """
    rows: list[T] = []
    offset = 0
    try:
        async with asyncio.timeout(LIST_SECONDS):
            for _ in range(MAX_PAGES):
                page = await read_page(offset)
                readable = [row for row in page if isinstance(row, kind)]
                if not page or (readable and readable[0] in rows):
                    return rows
                rows += readable
                offset += len(page)
                if offset > MAX_ROWS:
                    break
    except TimeoutError:
        detail = f"reading the list took longer than {LIST_SECONDS:.0f} s"
        raise transport.incomplete(call, detail) from None
    raise transport.incomplete(call, f"the list did not end after {offset} rows")
