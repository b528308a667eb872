"""Commands that only read the state: `status`, `bookings`, `show`, `history`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from syncd.cli import (
    guard_view,
    left_behind_view,
    measured_facts,
    orphan_view,
    owner_view,
    pause_view,
    render,
    reported_view,
    run_summary,
    terminal,
    waiting_view,
)
from syncd.cli.backup_status import backup_status
from syncd.cli.exposure_view import (
    PERCENTILES_SPAN,
    exposure_json,
    percentiles_json,
    print_exposures,
    print_percentiles,
)
from syncd.cli.history_view import explain_time, history_json, print_history
from syncd.cli.options import (
    ConfigOption,
    FromOption,
    JsonOption,
    ProviderOption,
    ToOption,
    UsageError,
    chosen_providers,
    parse_window,
    settings_of,
    zone_of,
)
from syncd.cli.poll_status import poll_plan
from syncd.cli.remaining_view import double_booked_json, left_behind_in, synced_providers
from syncd.cli.system_status import SYSTEM_COLUMNS, slow_polls, system_rows
from syncd.config.mapping_digest import remapped_calendars
from syncd.config.settings import Settings
from syncd.core.availability.exposure import percentiles
from syncd.daemon.lock import holder
from syncd.engine.report.remaining import count_acknowledged, count_remaining, list_stops
from syncd.engine.report.run_report import Remaining, RunExit, unknown_owners
from syncd.model import Booking, ConflictKind, Replica, Topic, TrackedEvent
from syncd.model.canary import Canary
from syncd.store.database.files import state_exists
from syncd.store.queries.status_query import EMPTY_STATUS, read_status

if TYPE_CHECKING:
    from syncd.store import Store

_STALE_AFTER = 5
"""Number of near read intervals without a full read after which `status` warns."""


def open_state(settings: Settings) -> Store:
    """Open the state for reading. Raises StateError if there is no state."""
    from syncd.store import Store  # noqa: PLC0415 - `status` needs no SQLAlchemy

    return Store.open(settings.syncd.state_path, write=False)


def status(
    context: typer.Context, *, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Show the state of each system, the last reads, pending writes and open conflicts.

    Reads only the stored state. Exit as `resync`: 0 nothing is left, or there is no state yet; 3
    the operator is needed; 4 a system does not respond, a list is incomplete, or writes wait; 5 the
    guard stops changes.
    """
    settings = settings_of(context, config, secrets=False)
    now = datetime.now(UTC)
    lock_owner = holder(settings.syncd.state_path)
    fresh = not state_exists(settings.syncd.state_path)
    # No state before the first run is no error: all counts are then zero.
    seen = (
        EMPTY_STATUS
        if fresh
        else read_status(settings.syncd.state_path, now, now - PERCENTILES_SPAN)
    )
    last, counts, exposed = seen.last, seen.counts, seen.exposures
    systems = system_rows(settings, seen, now)
    time_to_block = percentiles(seen.times_to_block)
    plan = poll_plan(seen, settings.systems)
    backups = backup_status(settings.syncd.state_path, seen, now)
    unknown = unknown_owners(seen.owner_changes, now)
    remapped = remapped_calendars(settings, seen.mapped) if unknown else ()
    providers = synced_providers(settings, seen)
    remaining, acknowledged = (
        count_remaining(seen, systems, unknown, providers),
        count_acknowledged(seen),
    )
    stops = [stop.to_json() for stop in list_stops(seen, providers)]
    double_bookings = [h for h in seen.conflicts if h.conflict.kind is ConflictKind.DOUBLE_BOOKED]
    left_behind, held_back = left_behind_in(settings, seen), pause_view.held_back_calendars(seen)
    mode = pause_view.mode_in_force(settings, seen)
    data: dict[str, Any] = {
        "state": str(settings.syncd.state_path),
        "held_by": None if lock_owner is None else {"role": lock_owner.role, "pid": lock_owner.pid},
        "systems": {name: system.to_json() for name, system in systems.items()},
        "reading": None if plan is None else plan.to_json(),
        **counts,
        "exposures": len(exposed),
        "exposed": [exposure_json(settings, e) for e in exposed],
        "orphans": len(seen.orphans),
        "orphaned": [orphan_view.orphan_json(orphan) for orphan in seen.orphans],
        "unknown_owners": [each.to_json() for each in unknown],
        "unreadable": sum(i.event_count for i in seen.items if i.topic is Topic.UNREADABLE),
        "reported": [reported_view.item_json(item) for item in seen.items],
        "double_bookings": len(double_bookings),
        "double_booked": [double_booked_json(held, seen) for held in double_bookings],
        "stopped": stops,
        "acknowledged": acknowledged,
        "left": {str(kind): remaining.get(kind, 0) for kind in Remaining},
        "left_behind": [each.to_json() for each in left_behind],
        "waiting": [waiting_view.waiting_writes_json(write) for write in seen.waiting],
        "mode": mode,
        "paused": pause_view.pause_status_json(seen.paused, held_back),
        "held_back": [pause_view.held_back_json(each) for each in seen.held_back],
        "clock_error_seconds": round(seen.clock_error.total_seconds()),
        "probes": [_canary_json(canary) for canary in seen.canaries],
        "closing_seconds": percentiles_json(time_to_block),
        **backups.to_json(),
        "last_run": None
        if last is None
        else {"id": last.id, "kind": last.kind, "started_at": render.instant_json(last.started_at)},
    }
    if as_json:
        terminal.print_json(data)
        raise typer.Exit(RunExit.of(remaining).code)
    running = f"{lock_owner.role} (process {lock_owner.pid})" if lock_owner else "no"
    terminal.say(f"state    {data['state']}" + (" (does not exist yet)" if fresh else ""))
    terminal.say(f"running  {running}")
    daemon = lock_owner is not None and lock_owner.role == "daemon"
    for line in plan.lines() if daemon and plan is not None else ():
        terminal.say(line)
    zone = zone_of(settings, None)
    terminal.table("", SYSTEM_COLUMNS, [system.row(now) for system in systems.values()])
    limits = filter(None, (system.limits(now) for system in systems.values()))
    measured = {name: system.facts for name, system in systems.items()}
    facts = measured_facts.fact_lines(measured)
    for line in (*limits, *facts, *_count_lines(counts, seen.unsettled), *backups.lines(now)):
        terminal.say(line)
    print_exposures(settings, exposed, {e.provider: zone_of(settings, e.provider) for e in exposed})
    print_percentiles(time_to_block)
    if fresh:
        terminal.say("nothing synced yet: `syncd plan` shows what a first run would write")
    system_troubles = (s.trouble(now, zone) for s in systems.values())
    causes = {name: h.cause for name, h in seen.health.items() if h.writing}
    troubles = (
        *pause_view.pause_lines(seen.paused, held_back, zone, observe=mode == "observe"),
        *pause_view.mode_lines(settings, mode),
        *guard_view.stop_lines(stops),
        *waiting_view.clock_lines(seen.clock_error.total_seconds()),
        *waiting_view.waiting_lines(data["waiting"], zone, causes),
        *reported_view.reported_lines(seen.items),
        *owner_view.owner_lines(unknown, remapped),
        *left_behind_view.left_behind_lines(settings, left_behind),
        *filter(None, system_troubles),
        *measured_facts.fact_problems(measured, now),
        *(_not_removed(canary, settings) for canary in seen.canaries),
        *backups.warnings(now),
    )
    for line in (*orphan_view.orphan_lines(settings, seen.orphans), *troubles):
        terminal.warn(line)
    for line in slow_polls(settings, systems) if daemon else ():
        terminal.warn(line)
    for name, system in systems.items():
        interval = timedelta(seconds=system.calls.near if system.calls is not None else 0)
        stale_after = max(settings.syncd.near.every, interval) * _STALE_AFTER
        if daemon and system.read_at is not None and now - system.read_at > stale_after:
            terminal.warn(f"{name} was last read in full {render.ago(system.read_at, now)}")
    if not fresh:
        terminal.say(run_summary.remaining_line(remaining, acknowledged, len(held_back)))
    raise typer.Exit(RunExit.of(remaining).code)


def _count_lines(counts: Mapping[str, int], unsettled: Mapping[str, int]) -> list[str]:
    known, events = (render.count(counts[f"{noun}s"], noun) for noun in ("booking", "event"))
    hint = ": see `syncd conflicts`" if counts["conflicts"] else ""
    lines = [
        f"{known}, with {events} in the systems",
        f"{render.count(counts['conflicts'], 'held conflict')}{hint}",
    ]
    lines += [
        f"{system}: {render.count(number, 'write')} without a confirmed outcome"
        for system, number in unsettled.items()
    ]
    return lines


def _canary_json(canary: Canary) -> dict[str, Any]:
    return {
        "system": canary.system,
        "provider": canary.provider,
        "event": canary.event,
        "start": render.instant_json(canary.start),
        "end": render.instant_json(canary.end),
    }


def _not_removed(canary: Canary, settings: Settings) -> str:
    when = render.value(canary.value, zone_of(settings, canary.provider))
    return (
        f'{canary.system}: the event "syncd probe" of {canary.provider}, {when}, may still exist. '
        "A running probe removes the event when it ends; otherwise the next run of syncd does"
    )


def bookings(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    start: FromOption = None,
    end: ToOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the active bookings, with the event of each booking in each system."""
    settings = settings_of(context, config, secrets=False)
    chosen_providers(settings, provider)
    store = open_state(settings)
    listed = store.bookings(provider, parse_window(settings, start, end))
    replicas: dict[str, list[tuple[Replica, TrackedEvent | None]]] = {b.id: [] for b in listed}
    for replica, record in store.replicas([b.id for b in listed]):
        replicas[replica.booking].append((replica, record))
    held = {h.conflict.subject for h in store.open_conflicts(provider)}
    store.close()
    if as_json:
        terminal.print_json([_booking_json(b, replicas[b.id], b.id in held) for b in listed])
        return
    if not listed:
        terminal.say("no bookings")
    for name in sorted({b.provider for b in listed}):
        zone = zone_of(settings, name)
        rows = [
            (
                b.id,
                render.value(b.agreed, zone),
                str(b.kind),
                " ".join(_where(r, record) for r, record in replicas[b.id]),
                _sync_state(b, replicas[b.id], held=b.id in held),
            )
            for b in listed
            if b.provider == name
        ]
        columns = ("booking", "agreed", "kind", "where", "state")
        terminal.table(f"{name} · {zone.key}", columns, rows)


def _where(replica: Replica, record: TrackedEvent | None) -> str:
    gone = " (gone)" if record is not None and record.over else ""
    return f"{replica.system}:{replica.role}{gone}"


def _sync_state(
    booking: Booking, replicas: list[tuple[Replica, TrackedEvent | None]], *, held: bool
) -> str:
    if held:
        return "held"
    return "" if all(r.synced_revision == booking.revision for r, _ in replicas) else "pending"


def _booking_json(
    booking: Booking, replicas: list[tuple[Replica, TrackedEvent | None]], held: bool
) -> dict[str, Any]:
    return {
        "id": booking.id,
        "provider": booking.provider,
        "kind": str(booking.kind),
        "agreed": render.value_json(booking.agreed),
        "held": held,
        "replicas": [
            {
                "system": replica.system,
                "event": replica.event,
                "role": str(replica.role),
                "settled": replica.synced_revision == booking.revision,
                "observed": render.value_json(record.observed if record else None),
                "observed_at": render.instant_json(record.observed_at if record else None),
                "base": render.value_json(record.base if record else None),
            }
            for replica, record in replicas
        ],
    }


def show(
    context: typer.Context,
    booking: Annotated[
        str, typer.Argument(metavar="BOOKING", help="An id, or its first characters.")
    ],
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one booking and the reason for its current time."""
    settings = settings_of(context, config, secrets=False)
    store = open_state(settings)
    one = find_booking(store.find_bookings(booking), booking)
    replicas = store.replicas([one.id])
    notes = list(reversed(store.history(booking=one.id)))
    held = [h for h in store.open_conflicts(one.provider) if h.conflict.subject == one.id]
    suppressions = [
        s
        for s in store.state(one.provider).undo_suppressions
        if (s.booking, s.revision) == (one.id, one.revision)
    ]
    store.close()
    if as_json:
        data = _booking_json(one, replicas, bool(held))
        reasons = {
            "why": explain_time(one, notes, UTC),
            "history": [history_json(n) for n in notes],
        }
        undone = [{"system": s.system, "run": s.run} for s in suppressions]
        terminal.print_json({**data, "undone": undone, **reasons})
        return
    zone = zone_of(settings, one.provider)
    terminal.say(f"booking {one.id} of {one.provider}: {render.value(one.agreed, zone)} {zone.key}")
    rows = [
        (
            replica.system,
            str(replica.role),
            replica.event,
            render.value(record.observed if record else None, zone),
            _seen(replica, record, zone),
        )
        for replica, record in replicas
    ]
    terminal.table("replicas", ("system", "role", "event", "last value", "seen"), rows)
    for line in explain_time(one, notes, zone):
        terminal.say(line)
    for suppression in suppressions:
        terminal.warn(
            f"run {suppression.run} undid the write in {suppression.system}: syncd will not "
            "repeat that write until the booking changes"
        )
    for each in held:
        kind = render.conflict(each.conflict.kind)
        terminal.warn(f"held: {kind}: {each.conflict.note} (conflict {each.id})")
    print_history(f"history · {zone.key}", notes, settings, provider=one.provider)


def _seen(replica: Replica, record: TrackedEvent | None, zone: ZoneInfo) -> str:
    if record is None:
        return "never"
    ours = " (ours)" if record.created_by_us and not replica.role.is_meeting else ""
    return render.moment(record.observed_at, zone) + ours


def find_booking(matches: list[Booking], start: str) -> Booking:
    """Return the only booking in ``matches``, or the booking whose whole id is ``start``.

    ``matches`` are the bookings whose id begins with ``start``. Raises UsageError if there is no
    such booking, or several.
    """
    exact = [b for b in matches if b.id == start]
    if exact or len(matches) == 1:
        return (exact or matches)[0]
    if not matches:
        raise UsageError(f"there is no booking {start!r}", "`syncd bookings` lists all bookings.")
    ids = ", ".join(b.id for b in matches[:5])
    raise UsageError(
        f"the ids of {len(matches)} bookings begin with {start!r}",
        f"Write more characters of the id: {ids} …",
    )


def history(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Only this run.")] = None,
    booking: Annotated[
        str | None, typer.Option(metavar="BOOKING", help="Only this booking.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of lines.")] = 40,
    held_back: Annotated[
        bool,
        typer.Option("--held-back", help="Show the writes that a pause or observe mode held back."),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what was seen and written, newest last, and which rule decided.

    With --held-back: the writes that a pause or observe mode held back, each once, with the first
    and the last time it was wanted.
    """
    settings = settings_of(context, config, secrets=False)
    chosen_providers(settings, provider)
    store = open_state(settings)
    if held_back:
        if run is not None or booking is not None:
            remedy = "Use --held-back alone or with --provider."
            raise UsageError("--held-back cannot be combined with --run or --booking", remedy)
        pause_view.show_log(settings, store, provider, limit, as_json=as_json)
        store.close()
        return
    if booking is not None:
        booking = find_booking(store.find_bookings(booking), booking).id
    notes = store.history(booking=booking, provider=provider, run=run, limit=limit)
    unknown = run is not None and not notes and store.run(run) is None
    store.close()
    if unknown:
        raise UsageError(
            f"there is no run {run!r}", "`syncd history --json` lists the ids of runs."
        )
    notes.reverse()
    if as_json:
        terminal.print_json([history_json(n) for n in notes])
    elif notes:
        zone = zone_of(settings, provider)
        print_history(f"history · {zone.key}", notes, settings, provider=provider)
    else:
        terminal.say("no history yet")
