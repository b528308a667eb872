"""Read a list that comes in pages to its end, which some platforms never reach."""

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
"""Pages of one list."""


async def all_pages(
    ask: Callable[[int], Awaitable[Sequence[T]]], transport: Transport, call: str
) -> list[T]:
    """Return the rows of all pages; ``ask`` reads the page after so many rows.

    An empty page ends the list, and so does one that begins with a known row: the platform ignores
    ``skip``. Raises PlatformError, also where the list does not end within its bounds.
    """
    found: list[T] = []
    try:
        async with asyncio.timeout(LIST_SECONDS):
            for _ in range(MAX_PAGES):
                page = await ask(len(found))
                if not page or page[0] in found:
                    return found
                found += page
                if len(found) > MAX_ROWS:
                    break
    except TimeoutError:
        detail = f"the list took longer than {LIST_SECONDS:.0f} s"
        raise transport.incomplete(call, detail) from None
    raise transport.incomplete(call, f"the list does not end after {len(found)} rows")
