"""Print the plan and the result of a resync."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from syncd.cli import (
    consent,
    guard_view,
    left_behind_view,
    owner_view,
    pause_view,
    render,
    reported_view,
    run_summary,
    terminal,
)
from syncd.cli import waiting_view as waiting_text
from syncd.cli.options import zone_of
from syncd.config.settings import Settings
from syncd.engine.report.run_report import Remaining, Report, UnknownOwners
from syncd.model import Operation, ReportedItem, Waiting
from syncd.store import StateError, Store
from syncd.store.queries.left_behind import LeftBehind
from syncd.store.queries.reported import acknowledgements_of, shown_items


def show_plan(
    settings: Settings,
    report: Report,
    accept: str | None = None,
    *,
    asking: bool = False,
    every: bool = False,
) -> None:
    """Print the planned writes by provider, in the provider's time zone, and the totals.

    ``asking`` is true if a question follows, so that this is not a dry run. ``every`` prints all
    rows. ``accept`` is the run whose guard stops the operator accepts.
    """
    show_operations(settings, report.planned, every=every)
    _show_failing_systems({n: str(s.state) for n, s in report.systems.items()}, _causes(report))
    _show_unknown_owners([each.to_json() for each in report.unknown])
    _show_items(report.items)
    _show_left_behind(settings, report.left_behind or ())
    _show_stops([each.to_json() for each in report.stopped], accept)
    if report.conflicts:
        terminal.say(f"{render.count(report.conflicts, 'conflict')} would be held")
    _show_waiting(report.waiting, settings, every=every)
    pause_view.show_held_back(settings, report.held_back)
    _warn_of_waiting(report.to_json(), zone_of(settings, None))
    pause_view.warn_of_pauses(report.to_json(), zone_of(settings, None))
    total = len(report.planned)
    delayed = report.waiting or report.held_back
    summary = "nothing can be written now" if delayed else "nothing to write"
    summary = f"{render.count(total, 'write')} would be made" if total else summary
    note = "nothing was written yet" if asking else "this was a dry run, and nothing was changed"
    terminal.say(f"{summary}; {note}")


def show_operations(settings: Settings, operations: Sequence[Operation], *, every: bool) -> None:
    """Print operations and their totals."""
    groups = consent.groups_of(settings, operations, "write")
    consent.show_groups(groups, every=every)
    consent.show_totals(operations)


def _show_waiting(waiting: Sequence[Waiting], settings: Settings, *, every: bool) -> None:
    """Print the waiting writes and the reason for each."""
    listed = waiting if every else waiting[: consent.MAX_PLAN_ROWS]
    rows = [
        (w.operation.system, render.operation(w.operation, zone), str(w.why).replace("_", " "))
        for w in listed
        for zone in [zone_of(settings, w.operation.provider)]
    ]
    if rows:
        terminal.table("waiting", ("system", "write", "reason"), rows)
    if len(waiting) > len(listed):
        terminal.say(f"… and {len(waiting) - len(listed)} more (--all)")


def _warn_of_waiting(data: Mapping[str, Any], zone: ZoneInfo) -> None:
    """Warn of waiting writes, by system and reason, and of a wrong clock of this machine."""
    causes = {name: system.get("cause", "") for name, system in data["systems"].items()}
    # Entries from a daemon of an older version may lack the times.
    for line in (
        *waiting_text.waiting_lines(data["waiting"], zone, causes),
        *waiting_text.clock_lines(data.get("clock_error_seconds", 0)),
    ):
        terminal.warn(line)


def _causes(report: Report) -> dict[str, str]:
    return {name: system.cause for name, system in report.systems.items()}


def show_result(
    settings: Settings,
    data: dict[str, Any],
    remarks: Sequence[str] = (),
    *,
    accept: str | None = None,
) -> None:
    """Print the result of a run; ``data`` is the object of `resync --json`.

    ``remarks`` are the log messages of a run in this process; a run of the daemon has none here,
    because they are in its log. ``accept`` is the run whose guard stops the operator accepted.
    """
    rows = [
        (name, s["state"], str(s["reads"]), str(s["writes"]))
        for name, s in sorted(data["systems"].items())
    ]
    terminal.table(f"run {data['run']}", ("system", "state", "reads", "writes"), rows)
    systems = data["systems"].items()
    _show_failing_systems(
        {n: s["state"] for n, s in systems}, {n: s.get("cause", "") for n, s in systems}
    )
    for remark in remarks:
        terminal.warn(remark)
    written = render.writes(data["operations"])
    delayed = len(data["waiting"]) + len(data.get("held_back", ()))
    nothing = (
        "nothing" if data["stopped"] or delayed else "nothing, because no calendar needed a change"
    )
    terminal.say("written: " + (written or nothing))
    _show_stops(data["stopped"], accept)
    items = _items(settings)
    _show_unknown_owners(data["unknown_owners"])
    _warn_of_waiting(data, zone_of(settings, None))
    pause_view.warn_of_pauses(data, zone_of(settings, None))
    _show_items(items)
    _show_left_behind(settings, map(LeftBehind.from_json, data["left_behind"]))
    remaining = run_summary.remaining_from_json(data["left"])
    if Remaining.INTERRUPTED in remaining:
        terminal.warn(run_summary.interrupted_line(remaining, sum(data["operations"].values())))
    summary = run_summary.summary_line(
        remaining,
        data["acknowledged"],
        left_behind=bool(data["left_behind"]),
        held_back=len(data.get("held_back", ())),
    )
    terminal.say(summary)


def _show_failing_systems(states: Mapping[str, str], causes: Mapping[str, str]) -> None:
    for name, state in sorted(states.items()):
        if state != "ok":
            terminal.warn(f"{name} is {state}: {causes.get(name) or 'see `syncd status`'}")


def _show_unknown_owners(owners: Sequence[Mapping[str, Any]]) -> None:
    for line in owner_view.owner_lines(map(UnknownOwners.from_json, owners)):
        terminal.warn(line)


def _show_items(items: Sequence[ReportedItem]) -> None:
    for line in reported_view.reported_lines(items):
        terminal.warn(line)


def _show_stops(stops: Sequence[Mapping[str, Any]], accept: str | None) -> None:
    if stops and accept is not None:
        terminal.warn(guard_view.remaining_stops_reason(accept))
    for line in guard_view.stop_lines(stops):
        terminal.warn(line)


def _show_left_behind(settings: Settings, blocks: Iterable[LeftBehind]) -> None:
    for line in left_behind_view.left_behind_lines(settings, blocks):
        terminal.warn(line)


def _items(settings: Settings) -> list[ReportedItem]:
    """Return the reported items in the state; none if it cannot be opened."""
    try:
        store = Store.open(settings.syncd.state_path, write=False)
    except StateError:
        return []
    items = shown_items(store, datetime.now(UTC), acknowledgements_of(store))
    store.close()
    return items
