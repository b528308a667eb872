"""Commands that only look at the state: `status`, `bookings`, `show`, `history`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli import (
    guard_view,
    left_behind_view,
    measured_facts,
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
    LOOKED_BACK,
    exposure_json,
    percentiles_json,
    print_exposures,
    print_percentiles,
)
from syncd.cli.history_view import note_json, print_notes, why
from syncd.cli.options import (
    ConfigOption,
    FromOption,
    JsonOption,
    ProviderOption,
    ToOption,
    UsageError,
    chosen,
    settings_of,
    span,
    zone_of,
)
from syncd.cli.poll_status import poll_plan
from syncd.cli.remaining_view import double_booked_json, kept_providers, left_behind_in
from syncd.cli.system_status import COLUMNS, stretched, system_rows
from syncd.config.mapping_digest import remapped_calendars
from syncd.config.settings import Settings
from syncd.core.exposure import percentiles
from syncd.daemon.lock import holder
from syncd.engine.remaining import acknowledged_in, left_in, stops_in
from syncd.engine.report import Remaining, RunExit, unknown_owners
from syncd.model import Booking, ConflictKind, Replica, Topic, TrackedEvent, Value
from syncd.model.canary import Canary
from syncd.store.files import state_exists
from syncd.store.status_query import EMPTY_STATUS, OrphanBlock, read_status

if TYPE_CHECKING:
    from syncd.store import Store

_STALE_PACES = 5
"""A system that was not read for so many near polls is called out."""


def open_state(settings: Settings) -> Store:
    """The state, for reading. Raises StateError when there is none."""
    from syncd.store import Store  # noqa: PLC0415 - `status` needs no SQLAlchemy

    return Store.open(settings.syncd.state_path, write=False)


def status(
    context: typer.Context, *, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Say how things stand: who works, what was read when, what waits and what is held.

    Exit as `resync`, from the state as it stands: 0 nothing is left, or there is no state yet; 3 a
    person is needed; 4 a system does not answer, a list is not whole, or writes wait; 5 the guard
    stops something.
    """
    settings = settings_of(context, config, secrets=False)
    now = datetime.now(UTC)
    held_by = holder(settings.syncd.state_path)
    fresh = not state_exists(settings.syncd.state_path)
    # Before the first run there is nothing to tell, and that is no error.
    seen = EMPTY_STATUS if fresh else read_status(settings.syncd.state_path, now, now - LOOKED_BACK)
    last, counts, exposed = seen.last, seen.counts, seen.exposures
    systems = system_rows(settings, seen, now)
    spread_ = percentiles(seen.times_to_block)
    plan = poll_plan(seen, settings.systems)
    safety = backup_status(settings.syncd.state_path, seen, now)
    unknown = unknown_owners(seen.owner_changes, now)
    corrected = remapped_calendars(settings, seen.mapped) if unknown else ()
    kept = kept_providers(settings, seen)
    left, known = left_in(seen, systems, unknown, kept), acknowledged_in(seen)
    stops = [stop.to_json() for stop in stops_in(seen, kept)]
    doubles = [h for h in seen.conflicts if h.conflict.kind is ConflictKind.DOUBLE_BOOKED]
    behind, held_back = left_behind_in(settings, seen), pause_view.calendars(seen)
    mode = pause_view.mode_at_work(settings, seen)
    data: dict[str, Any] = {
        "state": str(settings.syncd.state_path),
        "held_by": None if held_by is None else {"role": held_by.role, "pid": held_by.pid},
        "systems": {name: system.to_json() for name, system in systems.items()},
        "reading": None if plan is None else plan.to_json(),
        **counts,
        "exposures": len(exposed),
        "exposed": [exposure_json(settings, e) for e in exposed],
        "orphans": len(seen.orphans),
        "orphaned": [_orphan_json(orphan) for orphan in seen.orphans],
        "unknown_owners": [each.to_json() for each in unknown],
        "unreadable": sum(i.record_count for i in seen.items if i.topic is Topic.UNREADABLE),
        "reported": [reported_view.item_json(item) for item in seen.items],
        "double_bookings": len(doubles),
        "double_booked": [double_booked_json(held, seen) for held in doubles],
        "stopped": stops,
        "acknowledged": known,
        "left": {str(kind): left.get(kind, 0) for kind in Remaining},
        "left_behind": [each.to_json() for each in behind],
        "waiting": [waiting_view.waiting_writes_json(write) for write in seen.waiting],
        "mode": mode,
        "paused": pause_view.pause_status_json(seen.paused, held_back),
        "held_back": [pause_view.held_back_json(each) for each in seen.held_back],
        "clock_error_seconds": round(seen.clock_error.total_seconds()),
        "probes": [_canary_json(canary) for canary in seen.canaries],
        "closing_seconds": percentiles_json(spread_),
        **safety.to_json(),
        "last_run": None
        if last is None
        else {"id": last.id, "kind": last.kind, "started_at": render.instant_json(last.started_at)},
    }
    if as_json:
        terminal.print_json(data)
        raise typer.Exit(RunExit.of(left).code)
    worker = f"{held_by.role} (process {held_by.pid})" if held_by else "nobody: no syncd is running"
    terminal.say(f"state    {data['state']}" + (" (not made yet)" if fresh else ""))
    terminal.say(f"at work  {worker}")
    daemon = held_by is not None and held_by.role == "daemon"
    for line in plan.lines() if daemon and plan is not None else ():
        terminal.say(line)
    zone = zone_of(settings, None)
    terminal.table("", COLUMNS, [system.row(now) for system in systems.values()])
    limits = filter(None, (system.limits(now) for system in systems.values()))
    measured = {name: system.facts for name, system in systems.items()}
    facts = measured_facts.lines(measured)
    for line in (*limits, *facts, *_standing(counts, seen.unsettled), *safety.lines(now)):
        terminal.say(line)
    print_exposures(settings, exposed, {e.provider: zone_of(settings, e.provider) for e in exposed})
    print_percentiles(spread_)
    if fresh:
        terminal.say("nothing was synced yet: `syncd plan` shows what a first run would write")
    told = (s.trouble(now, zone) for s in systems.values())
    causes = {name: h.cause for name, h in seen.health.items() if h.writing}
    troubles = (
        *pause_view.lines(seen.paused, held_back, zone, observe=mode == "observe"),
        *pause_view.mode_lines(settings, mode),
        *guard_view.lines(stops),
        *waiting_view.clock_lines(seen.clock_error.total_seconds()),
        *waiting_view.lines(data["waiting"], zone, causes),
        *reported_view.lines(seen.items),
        *owner_view.lines(unknown, corrected),
        *left_behind_view.lines(settings, behind),
        *filter(None, told),
        *measured_facts.troubles(measured, now),
        *(_not_removed(canary, settings) for canary in seen.canaries),
        *safety.troubles(now),
    )
    for line in (*_orphaned(settings, seen.orphans), *troubles):
        terminal.warn(line)
    for line in stretched(settings, systems) if daemon else ():
        terminal.warn(line)
    for name, system in systems.items():
        pace = timedelta(seconds=system.calls.near if system.calls is not None else 0)
        late = max(settings.syncd.near.every, pace) * _STALE_PACES
        if daemon and system.read_at is not None and now - system.read_at > late:
            terminal.warn(f"{name} was not read in full for {render.ago(system.read_at, now)[:-4]}")
    if not fresh:
        terminal.say(run_summary.rest(left, known, len(held_back)))
    raise typer.Exit(RunExit.of(left).code)


def _standing(counts: Mapping[str, int], unsettled: Mapping[str, int]) -> list[str]:
    known, events = (render.count(counts[f"{noun}s"], noun) for noun in ("booking", "event"))
    hint = ": see `syncd conflicts`" if counts["conflicts"] else ""
    lines = [
        f"{known}, made of {events} in the systems",
        f"{render.count(counts['conflicts'], 'conflict')} held{hint}",
    ]
    lines += [
        f"{system}: {render.count(number, 'write')} without a confirmed outcome yet"
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
        f'{canary.system}: "syncd probe" in the calendar of {canary.provider}, {when}, is not '
        "known to be removed yet: the probe removes it when it ends, or the next run of syncd does"
    )


_MOST_LISTED = 5


def _orphaned(settings: Settings, orphans: Sequence[OrphanBlock]) -> list[str]:
    """Say which blocks no state explains; a line for each of the first few."""
    if not orphans:
        return []
    number = render.count(len(orphans), "block bears", "blocks bear")
    told = (
        f"{number} a syncd tag that this state does not know (a lost or restored state, or another "
        "syncd). They are left as they are; delete by hand what should go:"
    )
    lines = [told]
    for each in orphans[:_MOST_LISTED]:
        when = render.value(Value(each.start, each.end), zone_of(settings, each.provider))
        lines.append(f"  {each.system} {each.event}: {each.provider}, {when}")
    if len(orphans) > _MOST_LISTED:
        lines.append(f"  and {len(orphans) - _MOST_LISTED} more: `syncd status --json` lists all")
    return lines


def _orphan_json(orphan: OrphanBlock) -> dict[str, Any]:
    return {
        "provider": orphan.provider,
        "system": orphan.system,
        "event": orphan.event,
        "start": render.instant_json(orphan.start),
        "end": render.instant_json(orphan.end),
    }


def bookings(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    start: FromOption = None,
    end: ToOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the bookings that are alive, and which event each is in which system."""
    settings = settings_of(context, config, secrets=False)
    chosen(settings, provider)
    store = open_state(settings)
    found = store.bookings(provider, span(settings, start, end))
    replicas: dict[str, list[tuple[Replica, TrackedEvent | None]]] = {b.id: [] for b in found}
    for replica, record in store.replicas([b.id for b in found]):
        replicas[replica.booking].append((replica, record))
    held = {h.conflict.subject for h in store.open_conflicts(provider)}
    store.close()
    if as_json:
        terminal.print_json([_booking_json(b, replicas[b.id], b.id in held) for b in found])
        return
    if not found:
        terminal.say("no bookings")
    for name in sorted({b.provider for b in found}):
        zone = zone_of(settings, name)
        rows = [
            (
                b.id,
                render.value(b.agreed, zone),
                str(b.kind),
                " ".join(_where(r, record) for r, record in replicas[b.id]),
                _standing_of(b, replicas[b.id], held=b.id in held),
            )
            for b in found
            if b.provider == name
        ]
        columns = ("booking", "agreed", "kind", "where", "")
        terminal.table(f"{name} · {zone.key}", columns, rows)


def _where(replica: Replica, record: TrackedEvent | None) -> str:
    gone = " (gone)" if record is not None and record.over else ""
    return f"{replica.system}:{replica.role}{gone}"


def _standing_of(
    booking: Booking, replicas: list[tuple[Replica, TrackedEvent | None]], *, held: bool
) -> str:
    if held:
        return "held"
    return "" if all(r.synced_revision == booking.revision for r, _ in replicas) else "on its way"


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
    booking: Annotated[str, typer.Argument(metavar="BOOKING", help="An id, or its begin.")],
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Tell all about one booking: where it is, and why it is when it is."""
    settings = settings_of(context, config, secrets=False)
    store = open_state(settings)
    one = the_booking(store.find_bookings(booking), booking)
    replicas = store.replicas([one.id])
    notes = list(reversed(store.history(booking=one.id)))
    held = [h for h in store.open_conflicts(one.provider) if h.conflict.subject == one.id]
    waivers = [
        w
        for w in store.state(one.provider).undo_suppressions
        if (w.booking, w.revision) == (one.id, one.revision)
    ]
    store.close()
    if as_json:
        data = _booking_json(one, replicas, bool(held))
        told = {"why": why(one, notes, UTC), "history": [note_json(n) for n in notes]}
        undone = [{"system": w.system, "run": w.run} for w in waivers]
        terminal.print_json({**data, "undone": undone, **told})
        return
    zone = zone_of(settings, one.provider)
    terminal.say(f"booking {one.id} of {one.provider}: {render.value(one.agreed, zone)} {zone.key}")
    rows = [
        (
            replica.system,
            str(replica.role),
            replica.event,
            render.value(record.observed if record else None, zone),
            _seen(replica, record, zone.key, zone_of(settings, one.provider)),
        )
        for replica, record in replicas
    ]
    terminal.table("replicas", ("system", "role", "event", "last seen as", "seen"), rows)
    for line in why(one, notes, zone):
        terminal.say(line)
    for waiver in waivers:
        terminal.warn(
            f"taken back from {waiver.system} by run {waiver.run}: it is left as it is there until "
            "the booking changes"
        )
    for each in held:
        kind = render.conflict(each.conflict.kind)
        terminal.warn(f"held: {kind}: {each.conflict.note} (conflict {each.id})")
    print_notes(f"history · {zone.key}", notes, settings, provider=one.provider)


def _seen(replica: Replica, record: TrackedEvent | None, _name: str, zone: Any) -> str:
    if record is None:
        return "never"
    mine = " (ours)" if record.created_by_us and not replica.role.is_meeting else ""
    return render.moment(record.observed_at, zone) + mine


def the_booking(found: list[Booking], asked: str) -> Booking:
    """The one booking that was asked for by the begin of its id. Raises UsageError."""
    exact = [b for b in found if b.id == asked]
    if exact or len(found) == 1:
        return (exact or found)[0]
    if not found:
        raise UsageError(f"there is no booking {asked!r}", "`syncd bookings` lists them.")
    some = ", ".join(b.id for b in found[:5])
    raise UsageError(f"{asked!r} names {len(found)} bookings", f"Write more of it: {some} …")


def history(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Only this run.")] = None,
    booking: Annotated[
        str | None, typer.Option(metavar="BOOKING", help="Only this booking.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 40,
    held_back: Annotated[
        bool,
        typer.Option("--held-back", help="What a pause or observe mode held back, from when on."),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Tell what was seen and written, newest last, and which rule decided.

    With --held-back: what would have been written but for a pause or observe mode, each wish once,
    with when it was first and last wanted.
    """
    settings = settings_of(context, config, secrets=False)
    chosen(settings, provider)
    store = open_state(settings)
    if held_back:
        if run is not None or booking is not None:
            remedy = "Leave out one of them: `syncd show BOOKING` has what was held back of it."
            raise UsageError("--held-back goes with no --run and no --booking", remedy)
        pause_view.show_log(settings, store, provider, limit, as_json=as_json)
        store.close()
        return
    if booking is not None:
        booking = the_booking(store.find_bookings(booking), booking).id
    notes = store.history(booking=booking, provider=provider, run=run, limit=limit)
    unknown = run is not None and not notes and store.run(run) is None
    store.close()
    if unknown:
        raise UsageError(f"there is no run {run!r}", "`syncd history --json` names the runs.")
    notes.reverse()
    if as_json:
        terminal.print_json([note_json(n) for n in notes])
    elif notes:
        zone = zone_of(settings, provider)
        print_notes(f"history · {zone.key}", notes, settings, provider=provider)
    else:
        terminal.say("nothing happened yet")
