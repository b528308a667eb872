"""Plan files: `plan --out FILE` writes one, `resync --plan FILE` checks it before it writes.

A file names the installation, the calendars and the operations, and contains a digest of them. When
the plan is carried out, the operations decided at that time must equal the operations in the file.
So an edited file cannot cause other writes, even if its digest is right.
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
from syncd.core.propagation.approved_plan import PlanDifferences, plan_digest, plan_end
from syncd.engine.writing.approved_operations import PLAN, ApprovedOperations
from syncd.engine.writing.operation_json import operation_from_json, operation_json
from syncd.model import Operation, Window
from syncd.store import StateError, Store
from syncd.store.database.files import state_exists
from syncd.store.queries.consent import installation

VALID_FOR = timedelta(hours=24)
"""How long a plan is valid: an older plan is refused, because it was made from older reads."""

MAX_PLAN_BYTES = 64 * 1024 * 1024
"""The largest size of a plan file."""

_FORMAT = 1
_MAX_RUNS = 1000
_SKEW = timedelta(minutes=5)
_REMEDY = "Make a new plan: syncd plan --out FILE."


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan that was read from a file.

    ``window`` and ``provider`` are the options of the `plan` command; None for all. ``until`` is
    the end of the time for which the plan decides.
    """

    name: str
    made_at: datetime
    operations: Sequence[Operation]
    until: datetime
    window: Window | None
    provider: str | None

    def limits(self) -> ApprovedOperations:
        """Return the approved operations, to which the run is limited.

        They contain a digest of the operations, not the operations themselves.
        """
        return ApprovedOperations(self.name, plan_digest(self.operations), self.until)


def plan_text(
    settings: Settings,
    operations: Sequence[Operation],
    window: Window | None,
    provider: str | None,
    judged_until: datetime,
) -> str:
    """Return the text of a plan file.

    ``window`` and ``provider`` are the options of the `plan` command (None: all). ``judged_until``
    is the end of the window for which the plan was decided.
    """
    now = datetime.now(UTC)
    body: dict[str, Any] = {
        "syncd_plan": _FORMAT,
        "version": __version__,
        "made_at": render.instant_json(now),
        "expires_at": render.instant_json(now + VALID_FOR),
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
    """Open a plan file before root becomes another user (`privileges.open_input`).

    Return the file descriptor, or None if the file is to be opened later. Raises UsageError.
    """
    try:
        return open_input(file)
    except StateError as error:
        raise _refused(file, error.reason) from None


def read_plan(file: Path, opened: int | None) -> dict[str, Any]:
    """Read a plan file and check that the file is complete and unchanged. Raises UsageError.

    ``opened`` is a file descriptor of the file, opened by root for a user who may not open it
    (None: open the file by its path).
    """
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK) if opened is None else opened
    except OSError as error:
        raise _refused(file, f"the file cannot be read ({error.strerror})") from None
    try:
        with os.fdopen(handle, "rb") as content:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise _refused(file, "the path is not a regular file")
            if status.st_size > MAX_PLAN_BYTES:
                raise _refused(file, "the file is too large for a plan")
            text = content.read()
    except OSError as error:
        raise _refused(file, f"the file cannot be read ({error.strerror})") from None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise _refused(file, "the file is not a plan, or is incomplete") from None
    if not isinstance(data, dict) or "syncd_plan" not in data:
        raise _refused(file, "the file is not a plan")
    if data["syncd_plan"] != _FORMAT or data.get("version") != __version__:
        by = str(data.get("version"))[:20]
        raise _refused(file, f"syncd {by} made the plan, but this is syncd {__version__}")
    try:
        changed = data.pop("digest", None) != _digest(data)
    except (ValueError, RecursionError):
        changed = True
    if changed:
        raise _refused(file, "the file was edited after syncd made it")
    return data


def parse_plan(file: Path, data: Mapping[str, Any], settings: Settings) -> PlanFile:
    """Check a plan against the configuration and the state. Raises UsageError, StateError."""
    try:
        made_at, expires_at, until = (
            datetime.fromisoformat(data[key]).astimezone(UTC)
            for key in ("made_at", "expires_at", "until")
        )
        operations = [operation_from_json(each) for each in data["operations"]]
        window = None
        if data["from"] is not None:
            start, end = (datetime.fromisoformat(data[key]) for key in ("from", "to"))
            window = Window(start.astimezone(UTC), end.astimezone(UTC))
        provider, calendars = data["provider"], dict(data["calendars"])
        made_by = int(data["installation"])
        if not isinstance(provider, str | None):
            raise TypeError(provider)  # noqa: TRY301 - handled like every other malformed field
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise _refused(file, "the content of the plan is not valid") from None
    now, zone = datetime.now(UTC), zone_of(settings, None)
    if now >= expires_at:
        raise _refused(file, f"the plan expired on {render.moment(expires_at, zone)}")
    if made_at > now + _SKEW:
        raise _refused(file, "the plan's time is in the future: check the clock of this machine")
    if made_by not in {0, _installation(settings)}:
        raise _refused(file, "another installation of syncd made the plan")
    _expect_calendars(file, calendars, settings, operations)
    plan = PlanFile(_digest(data), made_at, operations, until, window, provider)
    _expect_new(file, plan, settings)
    return plan


def _expect_calendars(
    file: Path, planned: Mapping[str, Any], settings: Settings, operations: Sequence[Operation]
) -> None:
    """Refuse a plan if systems or calendars are configured differently now. Raises UsageError."""
    now = _calendars(settings)
    gone = {o.system for o in operations} - settings.systems.keys()
    if gone:
        names = ", ".join(sorted(gone))
        raise _refused(file, f"the configuration no longer has the system {names}")
    differing = sorted(n for n in planned.keys() | now.keys() if planned.get(n) != now.get(n))
    if differing:
        few = ", ".join(str(name)[:60] for name in differing[:3])
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""  # noqa: PLR2004
        raise _refused(file, f"the configuration now maps these calendars differently: {few}{more}")


def _expect_new(file: Path, plan: PlanFile, settings: Settings) -> None:
    """Refuse a plan that a run has carried out or started. Raises UsageError."""
    path = settings.syncd.state_path
    if not state_exists(path):
        return
    store = Store.open(path, write=False)
    try:
        runs = [r for r in store.runs(_MAX_RUNS) if (r.report or {}).get(PLAN) == plan.name]
    finally:
        store.close()
    if runs:
        when = render.moment(runs[0].started_at, zone_of(settings, None))
        raise _refused(file, f"run {runs[0].id} already carried out this plan on {when}")


def _installation(settings: Settings) -> int:
    path = settings.syncd.state_path
    return installation(path) if state_exists(path) else 0


def _calendars(settings: Settings) -> dict[str, str]:
    return {f"{p} in {s}": digest for (p, s), digest in sorted(mapping_digests(settings).items())}


def _digest(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _refused(file: Path, why: str) -> UsageError:
    return UsageError(f"{file}: {why}; nothing was written", _REMEDY)


# --- what is printed --------------------------------------------------------------------------


def differences_json(differences: PlanDifferences) -> dict[str, Any]:
    """Return ``plan`` of `resync --plan --json` for a refused plan. Keys are stable."""
    return {
        "refused": True,
        "not_wanted": [operation_json(each) for each in differences.gone],
        "new": [operation_json(each) for each in differences.new],
    }


def show_differences(
    settings: Settings,
    plan: PlanFile,
    differences: PlanDifferences,
    obstacles: Mapping[tuple[str, str], str],
    *,
    every: bool,
) -> None:
    """Print why a plan is refused: the differences between the file and the present decision.

    ``obstacles`` has the reasons why writes are impossible, by (system, provider); the provider is
    '' if the reason applies to the whole system. ``every`` prints all rows.
    """
    when = render.moment(plan.made_at, zone_of(settings, None))
    terminal.say(
        f"The plan of {when} is refused as a whole, because these writes have changed since:"
    )
    for operations, title in (
        (differences.gone, "planned, no longer needed"),
        (differences.new, "needed now, not planned"),
    ):
        consent.show_groups(consent.groups_of(settings, operations, title), every=every)
    keys = [key for o in differences.gone for key in ((o.system, o.provider), (o.system, ""))]
    for text in dict.fromkeys(obstacles[key] for key in keys if key in obstacles):
        terminal.warn(text)
    terminal.say(consent.NOTHING_WRITTEN)
    terminal.say(_REMEDY)
