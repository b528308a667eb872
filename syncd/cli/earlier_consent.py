"""When a resync without a terminal and without ``--yes`` may write (docs/design.md#consent).

Such a resync is refused if nothing was ever written with this state, or if a calendar is new to the
state. Otherwise the resync writes and, for one minor version, prints a notice that ``--yes`` will
be required.
"""

from __future__ import annotations

from collections.abc import Collection

from syncd.cli import terminal
from syncd.cli.options import UsageError
from syncd.config.mapping_digest import mapping_digests
from syncd.config.settings import Settings
from syncd.store import Store
from syncd.store.database.files import state_exists
from syncd.store.queries.consent import has_written, known_calendars

NOTICE = (
    "syncd writes without a question, because there is no terminal. From version 0.2 on, this "
    "requires --yes: add --yes to the command now."
)

_REMEDY = (
    "Check the writes with `syncd plan`, then run `syncd resync --yes` once, or `syncd resync` on "
    "a terminal."
)
_MAX_NAMED = 3


def expect_earlier_consent(settings: Settings, providers: Collection[str] | None) -> None:
    """Print the notice if this state has earlier consent to write; else raise UsageError.

    ``providers`` are the providers to be synced (None: all). Raises StateError if the state cannot
    be opened.
    """
    path = settings.syncd.state_path
    if not state_exists(path):
        raise _refused("the state does not exist yet, so no operator has approved its first writes")
    store = Store.open(path)
    try:
        wrote, known = has_written(store), known_calendars(store)
    finally:
        store.close()
    if not wrote:
        raise _refused("syncd never wrote with this state, so no operator has approved its writes")
    # A calendar whose mapping changed counts as new.
    new = [
        f"{provider} in {system}"
        for (provider, system), mapping in sorted(mapping_digests(settings).items())
        if (providers is None or provider in providers)
        and known.get((provider, system), "") not in {None, mapping}
    ]
    if new:
        more = f" and {len(new) - _MAX_NAMED} more" if len(new) > _MAX_NAMED else ""
        named = ", ".join(new[:_MAX_NAMED]) + more
        raise _refused(
            "these calendars are new to this state, and no operator has approved writes to them: "
            f"{named}"
        )
    terminal.warn(NOTICE)


def _refused(why: str) -> UsageError:
    reason = f"nothing was written: {why}, and there is no terminal for the question"
    return UsageError(reason, _REMEDY)
