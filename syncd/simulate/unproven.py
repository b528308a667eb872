"""Deletions on v1 that only the resync of a night proves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.simulate.accident import Change
    from syncd.simulate.town import Town

_LOOK_BACK = timedelta(days=7)
"""No list of a day shows what began earlier (DESIGN section 4, windows)."""


def waits_for_night(town: Town, change: Change) -> bool:
    """Whether a person deleted something whose absence only a list of a resync proves.

    v1 answers 400 for its id, which is no proof, and the lists of a day look back for a week.
    """
    return (
        change.by_hand
        and change.system == "legacy"
        and town.sandbox.legacy.refuses_deleted
        and change.before is not None
        and change.after is None
        and change.before.start < change.at - _LOOK_BACK
    )
