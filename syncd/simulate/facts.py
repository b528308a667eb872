"""The facts about the platforms that differ from day to day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.simulate import busy
from syncd.simulate.concealing import refuse_deleted

if TYPE_CHECKING:
    from syncd.simulate.story import Story
    from syncd.simulate.town import Town


def set_facts(town: Town, story: Story) -> None:
    """Let the platforms behave as a story says."""
    sandbox = town.world.sandbox
    sandbox.crm.largest_page = story.page
    sandbox.clinic.update_replaces = story.replaces
    sandbox.clinic.hosts_listed = story.hosts_listed
    sandbox.clinic.users_name_owner = story.owner_named
    for name in story.overlapping:
        sandbox.systems[name].lists_overlapping = True
    for knob, value in story.account:
        setattr(sandbox.crm, knob, value)
    busy.prepare(town, story.busy)
    if story.refuses_deleted:
        refuse_deleted(town)
