"""What is paused or observed, and the writes that are held back because of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from syncd.cli import render, terminal
from syncd.cli.options import zone_of
from syncd.config.settings import Settings
from syncd.daemon.lock import holder
from syncd.engine.operation_json import operation_json
from syncd.model import HeldBack, Operation, Waiting
from syncd.model.pauses import OBSERVE_REASON, OBSERVE_REMEDY, Pause, pause_of
from syncd.store.status_query import StatusSnapshot
from syncd.systems.port import CheckResult

if TYPE_CHECKING:
    from syncd.store.store import Store

Calendar = tuple[str, str]
"""(provider, system) of a write that is held back."""

_MOST_ROWS = 20

_WRITES_ON = (
    'mode = "observe" is set in [syncd], but the running daemon began without it: it still writes. '
    "Restart it, or have it read the configuration again (systemctl reload syncd)."
)


def mode_at_work(settings: Settings, seen: StatusSnapshot) -> str:
    """Return the mode in force: a daemon keeps to the configuration that it has read.

    Its first run, and the one after each reload, are stored with the mode.
    """
    held, last = holder(settings.syncd.state_path), seen.last
    if held is None or held.role != "daemon" or last is None:
        return settings.syncd.mode
    return str((last.report or {}).get("mode", settings.syncd.mode))


def mode_lines(settings: Settings, mode: str) -> Iterator[str]:
    """Say that a running daemon does not observe yet, where the configuration wants it to."""
    if settings.syncd.mode == "observe" != mode:
        yield _WRITES_ON


def warn(data: Mapping[str, Any], zone: ZoneInfo) -> None:
    """Say what is paused, of the object of `resync --json`; an older daemon does not send it."""
    found = [Pause.from_json(each) for each in data.get("paused", ())]
    held_back = [(each["provider"], each["system"]) for each in data.get("held_back", ())]
    for line in lines(found, held_back, zone, observe=data.get("mode") == "observe"):
        terminal.warn(line)


def lines(
    paused: Sequence[Pause], held_back: Collection[Calendar], zone: ZoneInfo, *, observe: bool
) -> Iterator[str]:
    """Say what is paused, since when and by whom, what that holds back, and how it ends."""
    if observe:
        yield f"{OBSERVE_REASON}; {_held(len(held_back))}. {OBSERVE_REMEDY}"
    for each, count in _counted(paused, held_back):
        held = "" if observe else f"; {_held(count)}"
        yield f"{describe(each, zone)}{held}. `{command(each)}` ends it."


def describe(pause: Pause, zone: ZoneInfo) -> str:
    """Say what is paused, since when, by whom and why."""
    by = f" by {pause.who}" if pause.who else ""
    why = f" ({pause.reason})" if pause.reason else ""
    return f"{pause.kind} {pause.id} is paused since {render.moment(pause.since, zone)}{by}{why}"


def command(pause: Pause) -> str:
    """Name the command that ends a pause."""
    named = ((pause.system, "--system"), (pause.provider, "--provider"))
    return " ".join(("syncd unpause", *(f"{option} {name}" for name, option in named if name)))


def _held(count: int) -> str:
    return (
        f"{render.count(count, 'write is', 'writes are')} held back" if count else "nothing waits"
    )


def _counted(paused: Sequence[Pause], held_back: Iterable[Calendar]) -> Iterator[tuple[Pause, int]]:
    """Count each write for the pause that began first."""
    of = [pause_of(paused, provider, system) for provider, system in held_back]
    for each in paused:
        yield each, of.count(each)


def pause_status_json(
    paused: Sequence[Pause], held_back: Iterable[Calendar]
) -> list[dict[str, Any]]:
    """The entries of ``paused`` in `status --json`: their keys are stable."""
    return [{**each.to_json(), "held_back": n} for each, n in _counted(paused, held_back)]


def held_back_json(each: HeldBack) -> dict[str, Any]:
    """One entry of ``held_back`` in `status --json`, and of `history --held-back --json`."""
    return {
        **operation_json(each.operation),
        "why": str(each.why),
        "since": render.instant_json(each.since),
        "seen_at": render.instant_json(each.seen_at),
        "ended_at": render.instant_json(each.ended_at),
    }


def calendars(seen: StatusSnapshot) -> list[Calendar]:
    """The calendars of the writes that the state says are held back."""
    return [(each.operation.provider, each.operation.system) for each in seen.held_back]


def findings(settings: Settings, seen: StatusSnapshot) -> list[CheckResult]:
    """The findings of `syncd check`: they are what a person wants, and no warnings."""
    paused, held_back, zone = seen.paused, calendars(seen), zone_of(settings, None)
    found = [
        CheckResult(
            "note", each.id, f"{describe(each, zone)}; {_held(n)}", f"{command(each)} ends it"
        )
        for each, n in _counted(paused, held_back)
    ]
    mode = mode_at_work(settings, seen)
    if mode == "observe":
        found.insert(
            0,
            CheckResult(
                "note", "mode", f"{OBSERVE_REASON}; {_held(len(held_back))}", OBSERVE_REMEDY
            ),
        )
    found += [CheckResult("warning", "mode", line) for line in mode_lines(settings, mode)]
    return found


def show_held_back(settings: Settings, found: Sequence[Waiting]) -> None:
    """Print the writes that are held back, the first of them."""
    if not found:
        return
    rows = [_row(settings, each.operation, str(each.why)) for each in found[:_MOST_ROWS]]
    title = "held back, and not written"
    terminal.table(title, ("system", "provider", "would be written", "as"), rows)
    if len(found) > _MOST_ROWS:
        terminal.say(f"  … and {len(found) - _MOST_ROWS} more (--json lists all)")


def _row(settings: Settings, operation: Operation, why: str) -> tuple[str, ...]:
    zone = zone_of(settings, operation.provider)
    return operation.system, operation.provider, render.operation(operation, zone), why


def show_log(
    settings: Settings, store: Store, provider: str | None, most: int, *, as_json: bool
) -> None:
    """Print the log of writes that were held back: from when until when each was wanted."""
    from syncd.store.held_back import held_back_log  # noqa: PLC0415 - `status` needs no SQLAlchemy

    log = held_back_log(store, provider, most)
    found = sorted(log, key=lambda each: (each.since, each.operation.system, each.name))
    if as_json:
        terminal.print_json([held_back_json(each) for each in found])
        return
    if not found:
        terminal.say("nothing was held back yet")
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
        for each in found
    ]
    columns = ("wanted from", "until", "system", "provider", "would have been written")
    terminal.table(f"held back · {zone.key}", columns, rows)


def _until(each: HeldBack, zone: ZoneInfo) -> str:
    return "now" if each.ended_at is None else render.moment(each.ended_at, zone)
