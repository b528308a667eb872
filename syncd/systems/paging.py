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
    read_page: Callable[[int], Awaitable[Sequence[T]]], transport: Transport, call: str
) -> list[T]:
    """Return the rows of all pages; ``read_page`` reads the page that begins after so many rows.

    An empty page ends the list. So does a page that begins with a known row, because then the
    platform ignores the offset. ``call`` is named in errors. Raises PlatformError, also if the list
    exceeds the bounds on pages.
    """
    rows: list[T] = []
    try:
        async with asyncio.timeout(LIST_SECONDS):
            for _ in range(MAX_PAGES):
                page = await read_page(len(rows))
                if not page or page[0] in rows:
                    return rows
                rows += page
                if len(rows) > MAX_ROWS:
                    break
    except TimeoutError:
        detail = f"reading the list took longer than {LIST_SECONDS:.0f} s"
        raise transport.incomplete(call, detail) from None
    raise transport.incomplete(call, f"the list did not end after {len(rows)} rows")
