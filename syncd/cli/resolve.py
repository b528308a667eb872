"""`syncd conflicts resolve`: apply the operator's resolution of a conflict in a normal cycle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from dateutil import parser

from syncd.app import build, provider_rules
from syncd.cli import pause_view, render, terminal
from syncd.cli.conflict_view import booking_to_move
from syncd.cli.conflicts import ConflictArgument, conflict_json, find_conflict
from syncd.cli.inspect import open_state
from syncd.cli.options import ConfigOption, JsonOption, UsageError, settings_in_two, zone_of
from syncd.cli.resync_run import copy_of_state, stop_on_signals
from syncd.config.settings import Settings
from syncd.core.availability.free import busy_intervals
from syncd.core.conflicts.resolution import InvalidResolutionError, Resolution, ResolutionKind
from syncd.core.workspace import Workspace
from syncd.daemon.client import send_request
from syncd.daemon.lock import StateLock, StateLockedError
from syncd.engine.operator import resolve as engine
from syncd.engine.operator.resolve import (
    ResolutionOutcome,
    ResolutionReport,
    preview,
    replacement,
    to_arguments,
)
from syncd.engine.writing.operation_json import operation_json
from syncd.model import Operation, StoredConflict, Value, readable, resolve_wall_time, utc
from syncd.store import Store

_ENDINGS = {
    ResolutionOutcome.RESOLVED: "resolved",
    ResolutionOutcome.REFUSED: (
        "decided, but a system rejected a write; the new conflict is shown below"
    ),
    ResolutionOutcome.CHANGED: (
        "not resolved, because the conflict has changed; the new values are shown below"
    ),
    ResolutionOutcome.GONE: "nothing to resolve: the contradiction has ended in the systems",
    ResolutionOutcome.UNANSWERED: (
        "not resolved: a system of this conflict did not respond; run the command again later"
    ),
    ResolutionOutcome.GUARDED: (
        "not resolved: the guard has stopped the changes; see `syncd conflicts`"
    ),
}


def resolve(
    context: typer.Context,
    conflict: ConflictArgument,
    *,
    take: Annotated[
        str | None,
        typer.Option(
            "--take",
            metavar="SYSTEM",
            help="Use the value of this system (SYSTEM/EVENT if it has several).",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="Use this start: 2026-11-23T14:00 in the provider's zone, or 14:00 (same day).",
        ),
    ] = None,
    keep_both: bool = typer.Option(False, "--keep-both", help="Keep both as separate bookings."),
    dismiss: bool = typer.Option(
        False, "--dismiss", help="Change nothing; hide the conflict until something changes."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Read, decide and show; write nothing."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Accept an unusual --at time."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Resolve a conflict with exactly one of --take, --at, --keep-both, --dismiss.

    The decision is carried out at once, without a question, and may move or cancel real
    appointments; --dry-run shows the writes. The systems are read first: if the conflict has
    changed since it was listed, nothing is decided and the new values are shown (exit 3). If a
    system rejects a write, the new conflict is shown (exit 3). If the daemon is running, the daemon
    does the work.
    """
    settings, full = settings_in_two(context, config)
    if dry_run:
        settings = full()
    store = open_state(settings)
    try:
        held_conflict = find_conflict(settings, store, conflict)
        resolution = _parse_resolution(
            settings, store, held_conflict, take, at, keep_both=keep_both, dismiss=dismiss
        )
        if resolution.at is not None:
            _check_time(settings, store, held_conflict, resolution.at, sure=yes)
        # An invalid resolution is refused here, without a call to a system or the daemon.
        preview(build(settings, store=store).engine, held_conflict, resolution)
    except InvalidResolutionError as error:
        raise UsageError(error.reason, error.remedy) from None
    finally:
        store.close()
    try:
        if dry_run:
            writes, report = _dry_run(settings, held_conflict, resolution, quiet=as_json)
            result = {**report.to_json(), "plan": [operation_json(o) for o in writes]}
            code = report.code
        else:
            writes = []
            result, code = _carry_out(settings, full, held_conflict, resolution, quiet=as_json)
    except InvalidResolutionError as error:
        raise UsageError(error.reason, error.remedy) from None
    outcome = ResolutionOutcome(str(result["ending"]))
    successor = (
        _replacement(settings, held_conflict)
        if outcome in {ResolutionOutcome.CHANGED, ResolutionOutcome.REFUSED}
        else None
    )
    if as_json:
        shown = None if successor is None else conflict_json(successor)
        terminal.print_json({**result, "dry_run": dry_run, "now": shown})
    else:
        _print(settings, held_conflict, outcome, result, writes, dry_run=dry_run)
        if successor is not None:
            _print_replacement(settings, successor)
    raise typer.Exit(code)


def _parse_resolution(
    settings: Settings,
    store: Store,
    held_conflict: StoredConflict,
    take: str | None,
    at: str | None,
    *,
    keep_both: bool,
    dismiss: bool,
) -> Resolution:
    if [take is not None, at is not None, keep_both, dismiss].count(True) != 1:
        raise UsageError(
            "no single decision was given",
            "Use exactly one of --take SYSTEM, --at TIME, --keep-both and --dismiss.",
        )
    if take is not None:
        system, _, event = take.partition("/")
        if system not in settings.systems:
            known = ", ".join(sorted(settings.systems))
            raise UsageError(f"there is no system {system!r}", f"The configuration has: {known}.")
        return Resolution(ResolutionKind.TAKE, system, event)
    if at is not None:
        workspace = Workspace(store.state(held_conflict.conflict.provider), "", datetime.now(UTC))
        booking = booking_to_move(workspace, held_conflict)
        day = booking.agreed.start if booking is not None else datetime.now(UTC)
        return Resolution(
            ResolutionKind.AT,
            at=_parse_time(at, day, zone_of(settings, held_conflict.conflict.provider)),
        )
    return Resolution(ResolutionKind.KEEP_BOTH if keep_both else ResolutionKind.DISMISS)


def _parse_time(text: str, day: datetime, zone: ZoneInfo) -> datetime:
    """Parse a time on ``day``, on a given day, or with an offset. Raises UsageError."""
    try:
        instant = parser.parse(text, default=day.astimezone(zone).replace(tzinfo=None, **_MIDNIGHT))
        is_wall_time = instant.tzinfo is None
        at = resolve_wall_time(instant, zone.key).instant if is_wall_time else utc(instant)
    except (ValueError, OverflowError):
        raise UsageError(
            f"--at {text!r} is not a valid time",
            "Write 14:00, 2026-11-23T14:00 or 2026-11-23T14:00+01:00.",
        ) from None
    return at


_MIDNIGHT: Any = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}


def _check_time(
    settings: Settings, store: Store, held_conflict: StoredConflict, at: datetime, *, sure: bool
) -> None:
    """Refuse a time that is probably a mistake, unless ``sure``. Raises UsageError."""
    provider = held_conflict.conflict.provider
    zone = zone_of(settings, provider)
    shown = f"{render.moment(at, zone)} {zone.key}"
    if at <= datetime.now(UTC) and not sure:
        raise UsageError(f"{shown} is in the past", "If this is intended, add --yes.")
    if not readable(at, datetime.now(UTC)):
        raise UsageError(f"{shown} is more than five years away", "Give a time nearer to today.")
    if sure:
        return
    booking = booking_to_move(Workspace(store.state(provider), "", at), held_conflict)
    length = timedelta(0) if booking is None else booking.agreed.end - booking.agreed.start
    if not provider_rules(settings, provider).search.hours.contains(at, at + length):
        raise UsageError(
            f"{shown} is outside {provider}'s working hours (hours = … in the configuration)",
            "If this is intended, add --yes.",
        )
    if booking is not None:
        until = at + length
        taken = busy_intervals(Workspace(store.state(provider), "", at), frozenset({booking.id}))
        if other := next(((a, b) for a, b in taken if a < until and at < b), None):
            when = f"{render.interval(Value(*other), zone)} {zone.key}"
            remedy = "See free times: syncd conflicts show. If this is intended, add --yes."
            raise UsageError(f"{provider} is busy {when}", remedy)


def _dry_run(
    settings: Settings, held_conflict: StoredConflict, resolution: Resolution, *, quiet: bool
) -> tuple[list[Operation], ResolutionReport]:
    """Read and decide on a copy of the state; return the writes that would be made."""

    async def run() -> ResolutionReport:
        app = build(settings, store=copy_of_state(settings))
        try:
            with terminal.progress("reading", quiet=quiet) as update:
                return await engine.resolve_conflict(
                    app.engine, held_conflict.id, resolution, dry_run=True, progress=update
                )
        finally:
            await app.aclose()

    report = asyncio.run(run())
    return list(report.report.planned), report


def _carry_out(
    settings: Settings,
    full: Callable[[], Settings],
    held_conflict: StoredConflict,
    resolution: Resolution,
    *,
    quiet: bool,
) -> tuple[dict[str, Any], int]:
    """Resolve here, or in the daemon if it holds the state; return JSON and exit code."""
    try:
        with StateLock(settings.syncd.state_path, role="resolve"):
            report = asyncio.run(_resolve(full(), held_conflict, resolution, quiet=quiet))
            return report.to_json(), report.code
    except StateLockedError as error:
        if error.role != "daemon":
            raise
    with terminal.progress("asking the daemon", quiet=quiet) as update:
        arguments = to_arguments(held_conflict.id, resolution)
        reply = send_request(settings.syncd.state_path, "resolve", arguments, update)
    return reply.result, reply.exit


async def _resolve(
    settings: Settings, held_conflict: StoredConflict, resolution: Resolution, *, quiet: bool
) -> ResolutionReport:
    app = build(settings)
    stop_on_signals(app.engine.stopping)
    try:
        with terminal.progress("reading", quiet=quiet) as update:
            return await engine.resolve_conflict(
                app.engine, held_conflict.id, resolution, progress=update
            )
    finally:
        await app.aclose()


def _replacement(settings: Settings, held_conflict: StoredConflict) -> StoredConflict | None:
    """Return the open conflict that replaces this one, or None."""
    store = open_state(settings)
    try:
        return replacement(held_conflict, store.open_conflicts(held_conflict.conflict.provider))
    finally:
        store.close()


def _print(
    settings: Settings,
    held_conflict: StoredConflict,
    outcome: ResolutionOutcome,
    result: dict[str, Any],
    writes: list[Operation],
    *,
    dry_run: bool,
) -> None:
    zone = zone_of(settings, held_conflict.conflict.provider)
    if writes:
        rows = [
            (o.system, render.operation(o, zone), render.local_times(o.reason, zone))
            for o in writes
        ]
        title = f"{held_conflict.conflict.provider} · {zone.key}"
        terminal.table(title, ("system", "write", "reason"), rows)
    resolution = render.local_times(str(result["answer"]), zone)
    made = render.writes(result["resync"]["operations"])
    if dry_run:
        would = "would be resolved" if outcome is ResolutionOutcome.RESOLVED else _ENDINGS[outcome]
        terminal.say(f"conflict {held_conflict.id}: {would} ({resolution}); nothing was changed")
        return
    decided = outcome in {ResolutionOutcome.RESOLVED, ResolutionOutcome.REFUSED}
    how = f" ({resolution})" if decided else ""
    terminal.say(f"conflict {held_conflict.id}: {_ENDINGS[outcome]}{how}")
    terminal.say("written: " + (made or "nothing"))
    pause_view.warn_of_pauses(result["resync"], zone)
    if result["resync"]["conflicts"]:
        count = render.count(result["resync"]["conflicts"], "conflict is", "conflicts are")
        terminal.say(f"{count} held: see `syncd conflicts`")


def _print_replacement(settings: Settings, successor: StoredConflict) -> None:
    zone = zone_of(settings, successor.conflict.provider)
    rows = [
        (c.system, c.event or "", render.value(c.value, zone)) for c in successor.conflict.claims
    ]
    terminal.table(f"conflict {successor.id} · {zone.key}", ("system", "event", "value"), rows)
