"""Text about pauses, observe mode, and the writes that a pause or observe mode holds back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from syncd.cli import render, terminal
from syncd.cli.options import zone_of
from syncd.config.settings import Settings
from syncd.daemon.lock import holder
from syncd.engine.writing.operation_json import operation_json
from syncd.model import HeldBack, Operation, Waiting
from syncd.model.pauses import OBSERVE_REASON, OBSERVE_REMEDY, Pause, pause_of
from syncd.store.queries.status_query import StatusSnapshot
from syncd.systems.port import CheckResult

if TYPE_CHECKING:
    from syncd.engine.reading.first_read import CalendarKey
    from syncd.store.store import Store

_MAX_ROWS = 20

_WRITES_ON = (
    'mode = "observe" is set in [syncd], but the running daemon was started without it and still '
    "writes. Restart it, or reload its configuration (systemctl reload syncd)."
)


def mode_in_force(settings: Settings, seen: StatusSnapshot) -> str:
    """Return the mode in force: a running daemon keeps the mode of the configuration it has read.

    The daemon stores the mode with its first run and with the first run after each reload.
    """
    lock_holder, last = holder(settings.syncd.state_path), seen.last
    if lock_holder is None or lock_holder.role != "daemon" or last is None:
        return settings.syncd.mode
    return str((last.report or {}).get("mode", settings.syncd.mode))


def mode_lines(settings: Settings, mode: str) -> Iterator[str]:
    """Warn if observe mode is configured but the running daemon does not use it yet."""
    if settings.syncd.mode == "observe" != mode:
        yield _WRITES_ON


def warn_of_pauses(data: Mapping[str, Any], zone: ZoneInfo) -> None:
    """Print the pauses in the object of `resync --json`; daemons of older versions send none."""
    paused = [Pause.from_json(each) for each in data.get("paused", ())]
    held_back = [(each["provider"], each["system"]) for each in data.get("held_back", ())]
    for line in pause_lines(paused, held_back, zone, observe=data.get("mode") == "observe"):
        terminal.warn(line)


def pause_lines(
    paused: Sequence[Pause], held_back: Collection[CalendarKey], zone: ZoneInfo, *, observe: bool
) -> Iterator[str]:
    """Describe each pause: the number of writes that it holds back, and the command that ends it.

    ``held_back`` has the calendar of each write that is held back. ``observe`` is true if observe
    mode is in force. Times are shown in ``zone``.
    """
    if observe:
        yield f"{OBSERVE_REASON}; {_held_back(len(held_back))}. {OBSERVE_REMEDY}"
    for each, count in _counted(paused, held_back):
        effect = "" if observe else f"; {_held_back(count)}"
        yield f"{describe(each, zone)}{effect}. `{unpause_command(each)}` ends it."


def describe(pause: Pause, zone: ZoneInfo) -> str:
    """Describe a pause: what is paused, since when, by whom and why."""
    by = f" by {pause.who}" if pause.who else ""
    why = f" ({pause.reason})" if pause.reason else ""
    return (
        f"{pause.kind} {pause.id} has been paused since {render.moment(pause.since, zone)}{by}{why}"
    )


def unpause_command(pause: Pause) -> str:
    """Return the command that ends a pause."""
    options = ((pause.system, "--system"), (pause.provider, "--provider"))
    return " ".join(("syncd unpause", *(f"{option} {name}" for name, option in options if name)))


def _held_back(count: int) -> str:
    return (
        f"{render.count(count, 'write is', 'writes are')} held back"
        if count
        else "no writes are held back"
    )


def _counted(
    paused: Sequence[Pause], held_back: Iterable[CalendarKey]
) -> Iterator[tuple[Pause, int]]:
    """Yield each pause and the number of writes it holds back; the oldest pause counts a write."""
    causes = [pause_of(paused, provider, system) for provider, system in held_back]
    for each in paused:
        yield each, causes.count(each)


def pause_status_json(
    paused: Sequence[Pause], held_back: Iterable[CalendarKey]
) -> list[dict[str, Any]]:
    """Return the entries of ``paused`` in `status --json`; keys are stable."""
    return [{**each.to_json(), "held_back": n} for each, n in _counted(paused, held_back)]


def held_back_json(each: HeldBack) -> dict[str, Any]:
    """Return an entry of ``held_back`` in `status --json` and `history --held-back --json`."""
    return {
        **operation_json(each.operation),
        "why": str(each.why),
        "since": render.instant_json(each.since),
        "seen_at": render.instant_json(each.seen_at),
        "ended_at": render.instant_json(each.ended_at),
    }


def held_back_calendars(seen: StatusSnapshot) -> list[CalendarKey]:
    """Return the calendar of each write that is held back."""
    return [(each.operation.provider, each.operation.system) for each in seen.held_back]


def pause_findings(settings: Settings, seen: StatusSnapshot) -> list[CheckResult]:
    """Return the results of `syncd check` for pauses.

    They are notes, not warnings, since the operator asked for the pauses.
    """
    paused, held_back, zone = seen.paused, held_back_calendars(seen), zone_of(settings, None)
    results = [
        CheckResult(
            "note",
            each.id,
            f"{describe(each, zone)}; {_held_back(n)}",
            f"{unpause_command(each)} ends it",
        )
        for each, n in _counted(paused, held_back)
    ]
    mode = mode_in_force(settings, seen)
    if mode == "observe":
        results.insert(
            0,
            CheckResult(
                "note", "mode", f"{OBSERVE_REASON}; {_held_back(len(held_back))}", OBSERVE_REMEDY
            ),
        )
    results += [CheckResult("warning", "mode", line) for line in mode_lines(settings, mode)]
    return results


def show_held_back(settings: Settings, writes: Sequence[Waiting]) -> None:
    """Print the first writes that are held back, and how many more there are."""
    if not writes:
        return
    rows = [_row(settings, each.operation, str(each.why)) for each in writes[:_MAX_ROWS]]
    title = "held back, not written"
    terminal.table(title, ("system", "provider", "write", "reason"), rows)
    if len(writes) > _MAX_ROWS:
        terminal.say(f"  … and {len(writes) - _MAX_ROWS} more (--json lists all)")


def _row(settings: Settings, operation: Operation, why: str) -> tuple[str, ...]:
    zone = zone_of(settings, operation.provider)
    return operation.system, operation.provider, render.operation(operation, zone), why


def show_log(
    settings: Settings, store: Store, provider: str | None, limit: int, *, as_json: bool
) -> None:
    """Print the writes that were held back, and from when until when each was wanted."""
    from syncd.store.queries.held_back import held_back_log  # noqa: PLC0415 - `status` needs no SQLAlchemy

    log = held_back_log(store, provider, limit)
    writes = sorted(log, key=lambda each: (each.since, each.operation.system, each.name))
    if as_json:
        terminal.print_json([held_back_json(each) for each in writes])
        return
    if not writes:
        terminal.say("no write was held back yet")
        return
    zone = zone_of(settings, None)
    rows = [
        (
            render.moment(each.since, zone),
            _until(each, zone),
            each.operation.system,
            each.operation.provider,
            render.operation(each.operation, zone_of(settings, each.operation.provider)),
        )
        for each in writes
    ]
    columns = ("wanted from", "until", "system", "provider", "write")
    terminal.table(f"held back · {zone.key}", columns, rows)


def _until(each: HeldBack, zone: ZoneInfo) -> str:
    return "now" if each.ended_at is None else render.moment(each.ended_at, zone)
