"""A resync without a terminal and without ``--yes``: when it may write (docs/design.md#consent).

It needs ``--yes`` where this state never wrote, or where a calendar is new to it. All other runs
write as before and say, for one minor version, that ``--yes`` will be needed.
"""

from __future__ import annotations

from collections.abc import Collection

from syncd.cli import terminal
from syncd.cli.options import UsageError
from syncd.config.mapping_digest import mapping_digests
from syncd.config.settings import Settings
from syncd.store import Store
from syncd.store.consent import has_written, known_calendars
from syncd.store.files import state_exists

NOTICE = (
    "nobody was asked before writing, as this is no terminal: from version 0.2 on, a resync needs "
    "--yes for that. Add it now."
)

_REMEDY = (
    "Look at it with `syncd plan`, then run `syncd resync --yes` once, or without --yes on a "
    "terminal."
)
_MOST_NAMED = 3


def expect_earlier_consent(settings: Settings, providers: Collection[str] | None) -> None:
    """Refuse to write unasked what this state never wrote before; else print the notice.

    ``providers`` are those that are to be synced, None for all. Raises UsageError, StateError.
    """
    path = settings.syncd.state_path
    if not state_exists(path):
        raise _refused("this state does not exist yet, so nobody has agreed to its first writes")
    store = Store.open(path)
    try:
        wrote, known = has_written(store), known_calendars(store)
    finally:
        store.close()
    if not wrote:
        raise _refused("nothing was ever written with this state, so nobody has agreed to that")
    # A calendar that was mapped to something else is another calendar.
    new = [
        f"{provider} in {system}"
        for (provider, system), mapping in sorted(mapping_digests(settings).items())
        if (providers is None or provider in providers)
        and known.get((provider, system), "") not in {None, mapping}
    ]
    if new:
        more = f" and {len(new) - _MOST_NAMED} more" if len(new) > _MOST_NAMED else ""
        named = ", ".join(new[:_MOST_NAMED]) + more
        raise _refused(f"nobody has agreed yet to writes to what is new to this state: {named}")
    terminal.warn(NOTICE)


def _refused(why: str) -> UsageError:
    return UsageError(f"nothing was written: {why}, and nobody can be asked", _REMEDY)
