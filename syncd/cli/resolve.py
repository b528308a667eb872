"""`syncd conflicts resolve`: a person decides, and the usual cycle carries it out."""

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
from syncd.cli.conflict_view import movable
from syncd.cli.conflicts import ConflictArgument, conflict_json, the_conflict
from syncd.cli.inspect import open_state
from syncd.cli.options import ConfigOption, JsonOption, UsageError, settings_in_two, zone_of
from syncd.cli.resync_run import copy_of_state, stop_on_signals
from syncd.config.settings import Settings
from syncd.core.free_intervals import busy_intervals
from syncd.core.resolution import InvalidResolutionError, Resolution, ResolutionKind
from syncd.core.workspace import Workspace
from syncd.daemon.client import send_request
from syncd.daemon.lock import StateHeldError, StateLock
from syncd.engine import resolve as engine
from syncd.engine.operation_json import operation_json
from syncd.engine.resolve import (
    ResolutionOutcome,
    ResolutionReport,
    preview,
    replacement,
    to_arguments,
)
from syncd.model import HeldConflict, Operation, Value, readable, resolve_wall_time, utc
from syncd.store import Store

_ENDINGS = {
    ResolutionOutcome.RESOLVED: "resolved",
    ResolutionOutcome.REFUSED: "decided, but a system refused a write; what is held now is below",
    ResolutionOutcome.CHANGED: "not resolved, as it has changed since; what it is now is below",
    ResolutionOutcome.GONE: "nothing to resolve any more: it was settled in the systems",
    ResolutionOutcome.UNANSWERED: "not resolved: a system that it is about did not answer; try "
    "again later",
    ResolutionOutcome.GUARDED: "not resolved: the guard has stopped what it is about; see syncd "
    "conflicts",
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
            help="What this system says is right (SYSTEM/EVENT where it says more than one thing).",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="It takes place then: 2026-11-23T14:00 in the provider's zone, or 14:00 that day.",
        ),
    ] = None,
    keep_both: bool = typer.Option(False, "--keep-both", help="Both are right, each for itself."),
    dismiss: bool = typer.Option(
        False, "--dismiss", help="Leave all as it is, and tell no more until something changes."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Read, decide, show; write nothing."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Take an unusual time as meant."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Decide a conflict. Exactly one of --take, --at, --keep-both, --dismiss.

    It is carried out at once, without a question, and may move or cancel real appointments:
    --dry-run shows first what would be written. Everything is read first: if the conflict has
    changed since you looked, nothing is decided, and the new values are shown (exit 3). If a system
    refuses a write, the conflict that this opens is shown (exit 3). A running daemon does the work.
    """
    settings, full = settings_in_two(context, config)
    if dry_run:
        settings = full()
    store = open_state(settings)
    try:
        held = the_conflict(settings, store, conflict)
        answer = _answer(settings, store, held, take, at, keep_both=keep_both, dismiss=dismiss)
        if answer.at is not None:
            _check_time(settings, store, held, answer.at, sure=yes)
        # What makes no sense by what is known needs neither a system nor the daemon.
        preview(build(settings, store=store).engine, held, answer)
    except InvalidResolutionError as unfit:
        raise UsageError(unfit.reason, unfit.remedy) from None
    finally:
        store.close()
    try:
        if dry_run:
            writes, done = _try(settings, held, answer, quiet=as_json)
            result = {**done.to_json(), "plan": [operation_json(o) for o in writes]}
            code = done.code
        else:
            writes = []
            result, code = _carry_out(settings, full, held, answer, quiet=as_json)
    except InvalidResolutionError as unfit:
        raise UsageError(unfit.reason, unfit.remedy) from None
    ending = ResolutionOutcome(str(result["ending"]))
    now = (
        _now(settings, held)
        if ending in {ResolutionOutcome.CHANGED, ResolutionOutcome.REFUSED}
        else None
    )
    if as_json:
        shown = None if now is None else conflict_json(now)
        terminal.print_json({**result, "dry_run": dry_run, "now": shown})
    else:
        _print(settings, held, ending, result, writes, dry_run=dry_run)
        if now is not None:
            _print_now(settings, now)
    raise typer.Exit(code)


def _answer(
    settings: Settings,
    store: Store,
    held: HeldConflict,
    take: str | None,
    at: str | None,
    *,
    keep_both: bool,
    dismiss: bool,
) -> Resolution:
    if [take is not None, at is not None, keep_both, dismiss].count(True) != 1:
        raise UsageError(
            "say how it is to be decided",
            "Name exactly one of --take SYSTEM, --at TIME, --keep-both and --dismiss.",
        )
    if take is not None:
        system, _, event = take.partition("/")
        if system not in settings.systems:
            known = ", ".join(sorted(settings.systems))
            raise UsageError(f"there is no system {system!r}", f"The configuration has: {known}.")
        return Resolution(ResolutionKind.TAKE, system, event)
    if at is not None:
        draft = Workspace(store.state(held.conflict.provider), "", datetime.now(UTC))
        booking = movable(draft, held)
        day = booking.agreed.start if booking is not None else datetime.now(UTC)
        return Resolution(
            ResolutionKind.AT, at=_instant(at, day, zone_of(settings, held.conflict.provider))
        )
    return Resolution(ResolutionKind.KEEP_BOTH if keep_both else ResolutionKind.DISMISS)


def _instant(text: str, day: datetime, zone: ZoneInfo) -> datetime:
    """Read a time: of that day, of a named day, or with an offset. Raises UsageError."""
    try:
        instant = parser.parse(text, default=day.astimezone(zone).replace(tzinfo=None, **_SHARP))
        bare = instant.tzinfo is None
        at = resolve_wall_time(instant, zone.key).instant if bare else utc(instant)
    except (ValueError, OverflowError):
        raise UsageError(
            f"--at {text!r} is no time", "Write 14:00, 2026-11-23T14:00 or 2026-11-23T14:00+01:00."
        ) from None
    return at


_SHARP: Any = {"hour": 0, "minute": 0, "second": 0, "microsecond": 0}


def _check_time(
    settings: Settings, store: Store, held: HeldConflict, at: datetime, *, sure: bool
) -> None:
    """Refuse a time that is probably a slip, unless a person is sure. Raises UsageError."""
    provider = held.conflict.provider
    zone = zone_of(settings, provider)
    shown = f"{render.moment(at, zone)} {zone.key}"
    if at <= datetime.now(UTC) and not sure:
        raise UsageError(f"{shown} is in the past", "If that is meant, add --yes.")
    if not readable(at, datetime.now(UTC)):
        raise UsageError(f"{shown} is more than five years away", "Give a time nearer to today.")
    if sure:
        return
    booking = movable(Workspace(store.state(provider), "", at), held)
    length = timedelta(0) if booking is None else booking.agreed.end - booking.agreed.start
    if not provider_rules(settings, provider).search.hours.contains(at, at + length):
        raise UsageError(
            f"{shown} is outside {provider}'s working hours (hours = … in the configuration)",
            "If that is meant, add --yes.",
        )
    if booking is not None:
        until = at + length
        taken = busy_intervals(Workspace(store.state(provider), "", at), frozenset({booking.id}))
        if other := next(((a, b) for a, b in taken if a < until and at < b), None):
            when = f"{render.interval(Value(*other), zone)} {zone.key}"
            remedy = "See what is free: syncd conflicts show. If that is meant, add --yes."
            raise UsageError(f"{provider} is busy {when}", remedy)


def _try(
    settings: Settings, held: HeldConflict, answer: Resolution, *, quiet: bool
) -> tuple[list[Operation], ResolutionReport]:
    """Read and decide on a copy of the state."""

    async def run() -> ResolutionReport:
        app = build(settings, store=copy_of_state(settings))
        try:
            with terminal.progress("reading", quiet=quiet) as told:
                return await engine.resolve_conflict(
                    app.engine, held.id, answer, dry_run=True, progress=told
                )
        finally:
            await app.aclose()

    done = asyncio.run(run())
    return list(done.report.planned), done


def _carry_out(
    settings: Settings,
    full: Callable[[], Settings],
    held: HeldConflict,
    answer: Resolution,
    *,
    quiet: bool,
) -> tuple[dict[str, Any], int]:
    """Decide and write: here, or in the daemon that holds the state."""
    try:
        with StateLock(settings.syncd.state_path, role="resolve"):
            done = asyncio.run(_resolve(full(), held, answer, quiet=quiet))
            return done.to_json(), done.code
    except StateHeldError as other:
        if other.role != "daemon":
            raise
    with terminal.progress("asking the daemon", quiet=quiet) as told:
        arguments = to_arguments(held.id, answer)
        said = send_request(settings.syncd.state_path, "resolve", arguments, told)
    return said.result, said.exit


async def _resolve(
    settings: Settings, held: HeldConflict, answer: Resolution, *, quiet: bool
) -> ResolutionReport:
    app = build(settings)
    stop_on_signals(app.engine.stopping)
    try:
        with terminal.progress("reading", quiet=quiet) as told:
            return await engine.resolve_conflict(app.engine, held.id, answer, progress=told)
    finally:
        await app.aclose()


def _now(settings: Settings, held: HeldConflict) -> HeldConflict | None:
    """The conflict that has taken its place."""
    store = open_state(settings)
    try:
        return replacement(held, store.open_conflicts(held.conflict.provider))
    finally:
        store.close()


def _print(
    settings: Settings,
    held: HeldConflict,
    ending: ResolutionOutcome,
    result: dict[str, Any],
    writes: list[Operation],
    *,
    dry_run: bool,
) -> None:
    zone = zone_of(settings, held.conflict.provider)
    if writes:
        rows = [(o.system, render.operation(o, zone), render.local(o.reason, zone)) for o in writes]
        title = f"{held.conflict.provider} · {zone.key}"
        terminal.table(title, ("system", "would be written", "because"), rows)
    answer = render.local(str(result["answer"]), zone)
    made = render.writes(result["resync"]["operations"])
    if dry_run:
        would = "would be resolved" if ending is ResolutionOutcome.RESOLVED else _ENDINGS[ending]
        terminal.say(f"conflict {held.id} {would} ({answer}); nothing was changed")
        return
    decided = ending in {ResolutionOutcome.RESOLVED, ResolutionOutcome.REFUSED}
    how = f" ({answer})" if decided else ""
    terminal.say(f"conflict {held.id}: {_ENDINGS[ending]}{how}")
    terminal.say("written: " + (made or "nothing"))
    pause_view.warn(result["resync"], zone)
    if result["resync"]["conflicts"]:
        left = render.count(result["resync"]["conflicts"], "conflict is", "conflicts are")
        terminal.say(f"{left} held now: syncd conflicts")


def _print_now(settings: Settings, now: HeldConflict) -> None:
    zone = zone_of(settings, now.conflict.provider)
    rows = [(c.system, c.event or "", render.value(c.value, zone)) for c in now.conflict.claims]
    terminal.table(f"conflict {now.id} · {zone.key}", ("system", "event", "value"), rows)
