"""Plans as files: `plan --out FILE`, and what `resync --plan FILE` checks before it writes.

A file names the installation, the calendars and the operations, and has a digest of all that. What
is decided when it is carried out must be just these operations; so a file that somebody changed
writes nothing else, whatever its digest says.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from syncd import __version__
from syncd.cli import consent, render, terminal
from syncd.cli.options import UsageError, zone_of
from syncd.cli.privileges import open_input
from syncd.config.mapping_digest import mapping_digests
from syncd.config.settings import Settings
from syncd.core.agreed_plan import PlanDifferences, plan_digest, plan_end
from syncd.engine.agreed_operations import PLAN, AgreedOperations
from syncd.engine.operation_json import operation_from, operation_json
from syncd.model import Operation, Window
from syncd.store import StateError, Store
from syncd.store.consent import installation
from syncd.store.files import state_exists

GOOD_FOR = timedelta(hours=24)
"""A plan is refused when it is older: it was made for what was known then."""

LARGEST = 64 * 1024 * 1024
"""Bytes of a file."""

_FORMAT = 1
_MOST_RUNS = 1000
_SKEW = timedelta(minutes=5)
_AGAIN = "Make it again: syncd plan --out FILE."


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan that was read from a file, or is to be written into one.

    ``window`` and ``provider`` are what the command that made it was asked for, None for all.
    """

    name: str
    made_at: datetime
    operations: Sequence[Operation]
    until: datetime
    window: Window | None
    provider: str | None

    def limits(self) -> AgreedOperations:
        """Return what the run that carries it out may write."""
        return AgreedOperations(self.name, plan_digest(self.operations), self.until)


def text_of(
    settings: Settings,
    operations: Sequence[Operation],
    window: Window | None,
    provider: str | None,
    judged_until: datetime,
) -> str:
    """Return a plan as the text of a file."""
    now = datetime.now(UTC)
    body: dict[str, Any] = {
        "syncd_plan": _FORMAT,
        "version": __version__,
        "made_at": render.instant_json(now),
        "expires_at": render.instant_json(now + GOOD_FOR),
        "installation": _installation(settings),
        "calendars": _calendars(settings),
        "from": render.instant_json(window.start) if window else None,
        "to": render.instant_json(window.end) if window else None,
        "provider": provider,
        "until": render.instant_json(plan_end(operations, judged_until)),
        "operations": [operation_json(each) for each in operations],
    }
    return json.dumps({**body, "digest": _digest(body)}, indent=1, ensure_ascii=False) + "\n"


def open_plan(file: Path) -> int | None:
    """Open a plan file while this is still root, if it is (`privileges.open_input`).

    Raises UsageError.
    """
    try:
        return open_input(file)
    except StateError as error:
        raise _refused(file, error.reason) from None


def read(file: Path, opened: int | None) -> dict[str, Any]:
    """Read a plan file and check that it is whole and unchanged. Raises UsageError."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK) if opened is None else opened
    except OSError as error:
        raise _refused(file, f"it cannot be read ({error.strerror})") from None
    try:
        with os.fdopen(handle, "rb") as content:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise _refused(file, "it is not a plain file")
            if found.st_size > LARGEST:
                raise _refused(file, "it is too large for a plan")
            text = content.read()
    except OSError as error:
        raise _refused(file, f"it cannot be read ({error.strerror})") from None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise _refused(file, "it is no plan, or not whole") from None
    if not isinstance(said, dict) or "syncd_plan" not in said:
        raise _refused(file, "it is no plan")
    if said["syncd_plan"] != _FORMAT or said.get("version") != __version__:
        by = str(said.get("version"))[:20]
        raise _refused(file, f"it was made by syncd {by}, and this is {__version__}")
    try:
        changed = said.pop("digest", None) != _digest(said)
    except (ValueError, RecursionError):
        changed = True
    if changed:
        raise _refused(file, "it was changed since it was made")
    return said


def plan_of(file: Path, said: Mapping[str, Any], settings: Settings) -> PlanFile:
    """Check a plan against the configuration and the state. Raises UsageError, StateError."""
    try:
        made_at, expires_at, until = (
            datetime.fromisoformat(said[key]).astimezone(UTC)
            for key in ("made_at", "expires_at", "until")
        )
        operations = [operation_from(each) for each in said["operations"]]
        window = None
        if said["from"] is not None:
            start, end = (datetime.fromisoformat(said[key]) for key in ("from", "to"))
            window = Window(start.astimezone(UTC), end.astimezone(UTC))
        provider, calendars = said["provider"], dict(said["calendars"])
        made_by = int(said["installation"])
        if not isinstance(provider, str | None):
            raise TypeError(provider)  # noqa: TRY301 - as what else is not understood
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise _refused(file, "it is not understood") from None
    now, zone = datetime.now(UTC), zone_of(settings, None)
    if now >= expires_at:
        raise _refused(file, f"it expired on {render.moment(expires_at, zone)}")
    if made_at > now + _SKEW:
        raise _refused(file, "it was made at a time that is still to come: see the clock")
    if made_by not in {0, _installation(settings)}:
        raise _refused(file, "it was made by another installation, with a state of its own")
    _expect_calendars(file, calendars, settings, operations)
    plan = PlanFile(_digest(said), made_at, operations, until, window, provider)
    _expect_new(file, plan, settings)
    return plan


def _expect_calendars(
    file: Path, planned: Mapping[str, Any], settings: Settings, operations: Sequence[Operation]
) -> None:
    """Refuse a plan that was made with another configuration of calendars. Raises UsageError."""
    now = _calendars(settings)
    gone = {o.system for o in operations} - settings.systems.keys()
    if gone:
        named = ", ".join(sorted(gone))
        raise _refused(file, f"the configuration has no system {named} any more")
    differing = sorted(n for n in planned.keys() | now.keys() if planned.get(n) != now.get(n))
    if differing:
        few = ", ".join(str(name)[:60] for name in differing[:3])
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""  # noqa: PLR2004
        raise _refused(file, f"the configuration maps other calendars by now: {few}{more}")


def _expect_new(file: Path, plan: PlanFile, settings: Settings) -> None:
    """Refuse a plan that a run carried out, or began to. Raises UsageError."""
    path = settings.syncd.state_path
    if not state_exists(path):
        return
    store = Store.open(path, write=False)
    try:
        runs = [r for r in store.runs(_MOST_RUNS) if (r.report or {}).get(PLAN) == plan.name]
    finally:
        store.close()
    if runs:
        when = render.moment(runs[0].started_at, zone_of(settings, None))
        raise _refused(file, f"run {runs[0].id} carried it out on {when}")


def _installation(settings: Settings) -> int:
    path = settings.syncd.state_path
    return installation(path) if state_exists(path) else 0


def _calendars(settings: Settings) -> dict[str, str]:
    return {f"{p} in {s}": digest for (p, s), digest in sorted(mapping_digests(settings).items())}


def _digest(said: Mapping[str, Any]) -> str:
    text = json.dumps(said, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _refused(file: Path, why: str) -> UsageError:
    return UsageError(f"{file}: {why}; nothing was written", _AGAIN)


# --- what is printed --------------------------------------------------------------------------


def differences_json(found: PlanDifferences) -> dict[str, Any]:
    """Return ``plan`` of `resync --plan --json` where the plan was refused: its keys are stable."""
    return {
        "refused": True,
        "not_wanted": [operation_json(each) for each in found.gone],
        "new": [operation_json(each) for each in found.new],
    }


def show_differences(
    settings: Settings,
    plan: PlanFile,
    found: PlanDifferences,
    why: Mapping[tuple[str, str], str],
    *,
    every: bool,
) -> None:
    """Print why a plan is refused.

    ``why`` says of (system, provider) what hinders writes there; of a whole system, where the
    provider is ''.
    """
    when = render.moment(plan.made_at, zone_of(settings, None))
    terminal.say(f"The plan of {when} is refused whole, because something has changed since:")
    for operations, title in (
        (found.gone, "planned, and not wanted now"),
        (found.new, "wanted now, and not planned"),
    ):
        consent.show_groups(consent.groups_of(settings, operations, title), every=every)
    places = [place for o in found.gone for place in ((o.system, o.provider), (o.system, ""))]
    for text in dict.fromkeys(why[place] for place in places if place in why):
        terminal.warn(text)
    terminal.say(consent.NOTHING_WRITTEN)
    terminal.say(_AGAIN)
