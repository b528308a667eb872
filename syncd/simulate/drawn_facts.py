"""Set what nobody can know of the platforms as it was drawn for the day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.simulate.first_writes import set_damage

if TYPE_CHECKING:
    from syncd.sandbox.server import Sandbox
    from syncd.simulate.story import Story


def set_facts(sandbox: Sandbox, story: Story) -> None:
    """Let the platforms behave on this day as the story says."""
    set_damage(sandbox, story)
    sandbox.crm.largest_page = story.page
    clinic = sandbox.clinic
    clinic.update_replaces = story.replaces
    clinic.hosts_listed = story.hosts_listed
    clinic.users_name_owner = story.owner_named
    for name in story.overlapping:
        sandbox.systems[name].lists_overlapping = True
    for name in story.untold:
        sandbox.systems[name].tells_times = False
    for knob, value in story.account:
        setattr(sandbox.crm, knob, value)


def configured(text: str, story: Story) -> str:
    """Return the configuration with what the story says of series, buffers and the bulk cancel."""
    close = '\nbuffers = "close"' if any(story.buffers) else ""
    clinic = f'[systems.clinic]\nseries = "{story.series}"{close}'
    text = text.replace("[systems.clinic]", clinic)
    path = dict(story.account).get("cancel_path")
    if path is None:
        return text
    said = f'[systems.crm]\ncancel_as = "cancel"\ncancel_path = "{path}"'
    return text.replace("[systems.crm]", said)
