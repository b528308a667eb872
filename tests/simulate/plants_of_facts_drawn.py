"""Wrong beliefs about uncertain facts, each with a day on which the platform is on another side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from syncd.core import blocks
from syncd.simulate.story import Story, What
from syncd.systems.leadconnector.blocks import Blocks, Search
from syncd.systems.measured import Measured
from tests.simulate.days import EMPTIED, at, day

if TYPE_CHECKING:
    from syncd.model import Value

Patch = pytest.MonkeyPatch


def a_block_that_is_not_read_by_its_id_is_gone(patch: Patch) -> None:
    """That a location answers blocks by their ids is believed where it does not."""

    async def find(at: Blocks, id: str, _provider: str, _value: Value | None) -> Search:
        item, _ = await at._by_id(id)  # noqa: SLF001 - the bug is in the place itself
        return Search(item) if item is not None else Search(by_id=True)

    patch.setattr(Blocks, "find", find)


def the_list_of_a_group_shows_all_its_calendars(patch: Patch) -> None:
    """That is believed of each location, whatever its lists lack."""
    value, side = Measured.value, Measured.side
    patch.setattr(
        Measured, "value", lambda at, name: "yes" if name == _GROUPS else value(at, name)
    )
    patch.setattr(
        Measured, "side", lambda at, name: side(at, "keeps_tag" if name == _GROUPS else name)
    )


def a_move_always_sets_the_end(patch: Patch) -> None:
    """That is believed where an update ignores the end that it is sent."""
    patch.setattr(blocks, "_may_move", lambda *_of: True)


def with_fact(story: Story, *fact: tuple[str, str, str]) -> Story:
    """Return the same day in accounts like these."""
    return replace(story, facts=fact)


_GROUPS = "group_lists_all"
_LEAVE = at(0, What.LEAVE, "clinic", slot=624, number=302)

ABOUT_FACTS_DRAWN: tuple[tuple[Callable[[Patch], None], Story], ...] = (
    (
        a_block_that_is_not_read_by_its_id_is_gone,
        with_fact(EMPTIED, ("clinic", "second_delete", "404")),
    ),
    (
        the_list_of_a_group_shows_all_its_calendars,
        with_fact(day(at(1, What.BOOK, "clinic", slot=70, number=2)), ("clinic", _GROUPS, "no")),
    ),
    (
        a_move_always_sets_the_end,
        replace(
            with_fact(
                day(at(3, What.CHANGE_LEAVE, "clinic", number=302, slot=5)),
                ("legacy", "update_keeps_end", "no"),
            ),
            before=(_LEAVE,),
        ),
    ),
)
