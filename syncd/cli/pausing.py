"""`syncd pause` and `syncd unpause`: stop and resume writing to a system or for a provider."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from syncd.cli import consent, pause_view, terminal
from syncd.cli.acknowledge import login_name
from syncd.cli.options import ConfigOption, JsonOption, UsageError, settings_in_two, zone_of
from syncd.cli.resync_run import preview_resync
from syncd.cli.resync_text import show_plan
from syncd.config.settings import Settings
from syncd.daemon.client import send_request
from syncd.daemon.lock import StateLock, StateLockedError, holder
from syncd.engine.operator.pausing import (
    PauseTarget,
    UnpauseError,
    add_pauses,
    pauses_json,
    pauses_of,
    remove_pauses,
    targets_to_arguments,
)
from syncd.model.pauses import OBSERVE_REASON, Pause, pause_of
from syncd.model.request_limits import MAX_TEXT
from syncd.store import Store
from syncd.store.database.files import state_exists
from syncd.store.queries.pauses import pauses

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...", help="Names of systems and providers in the configuration."
    ),
]
SystemOption = Annotated[
    str | None, typer.Option("--system", metavar="NAME", help="This system, for every provider.")
]
OneProviderOption = Annotated[
    str | None,
    typer.Option("--provider", "-p", metavar="NAME", help="This provider, in every system."),
]


def pause(
    context: typer.Context,
    names: NamesArgument = None,
    *,
    system: SystemOption = None,
    provider: OneProviderOption = None,
    every: bool = typer.Option(False, "--all", help="Every system."),
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            metavar="TEXT",
            help="Stored and shown with the pause; do not name customers.",
        ),
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Stop writing to a system, or for a provider, until `syncd unpause`.

    Paused calendars are still read, and their bookings still block the other calendars. Existing
    blocks stay. Writes are held back: `plan` and `status` show them, but they do not count as
    waiting. --system with --provider pauses a single calendar. A running daemon stops at once: when
    this command returns, no write is in flight, except for writes that a platform has queued.
    Exit: 0 paused, also if it was paused before; 2 unknown system or provider.
    """
    who = login_name()  # read it before root becomes the owner of the state
    settings, _ = settings_in_two(context, config)
    if not reason.isprintable() or len(reason) > MAX_TEXT:
        remedy = f"Write one line of at most {MAX_TEXT} characters."
        raise UsageError("--reason is too long, or contains control characters", remedy)
    known_systems = sorted({name for p in settings.providers.values() for name in p.calendars})
    known = {"system": known_systems, "provider": sorted(settings.providers)}
    places = [PauseTarget(name, "") for name in known_systems] if every else []
    places += _places(names or (), system, provider, known)
    if not places:
        raise UsageError("no system or provider to pause was given", _known_names(known))
    began = datetime.now(UTC)
    arguments = {"what": targets_to_arguments(places), "by": who, "reason": reason}
    result = _carry_out(
        settings,
        "pause",
        arguments,
        lambda store: add_pauses(store, places, who, reason, datetime.now(UTC)),
    )
    if as_json:
        terminal.print_json(result)
        return
    zone = zone_of(settings, None)
    for each in map(Pause.from_json, result["paused"]):
        before = " already" if each.since < began else ""
        text = pause_view.describe(each, zone).replace(" has been", f" has{before} been")
        terminal.say(f"{text}: nothing is written there")
    terminal.say("existing blocks stay; `syncd plan` shows the writes that are held back")


def unpause(
    context: typer.Context,
    names: NamesArgument = None,
    *,
    system: SystemOption = None,
    provider: OneProviderOption = None,
    every: bool = typer.Option(False, "--all", help="Everything that is paused."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Skip the plan and the question."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """End a pause: plan again, show the plan, and ask before anything is written.

    Writes that were held back are planned anew, so nothing is lost and nothing outdated is written.
    A running daemon writes them in its next cycle; without one, the next `syncd resync` does.
    Without a terminal, --yes is required. Exit: 0 done; 2 not paused; 4 the operator answered no.
    """
    who = login_name()
    settings, full = settings_in_two(context, config)
    paused = _stored_pauses(settings)
    if not paused:
        raise UsageError("nothing is paused", "See `syncd pause --help`.")
    known = {
        "system": [p.system for p in paused if p.kind == "system"],
        "provider": [p.provider for p in paused if p.kind == "provider"],
    }
    places = [PauseTarget(p.system, p.provider) for p in paused] if every else []
    places += _places(names or (), system, provider, known, paused_only=True)
    if not places:
        commands = "; ".join(pause_view.unpause_command(p) for p in paused)
        remedy = f"These commands end the pauses: {commands}."
        raise UsageError("no system or provider to unpause was given", remedy)
    if not yes:
        ending = [p for p in paused if PauseTarget(p.system, p.provider) in places]
        missing = [p for p in places if str(p) not in {each.id for each in ending}]
        if missing:
            _refuse_unknown(settings, missing)
        consent.expect_consent(
            "writes that were held back would be made",
            yes=yes,
            as_json=as_json,
            preview="`syncd plan`",
        )
        _ask(full(), ending)
    arguments = {"what": targets_to_arguments(places), "by": who}
    try:
        result = _carry_out(
            settings,
            "unpause",
            arguments,
            lambda store: remove_pauses(store, places, who, datetime.now(UTC)),
        )
    except UnpauseError as error:
        raise UsageError(error.reason, error.remedy) from None
    if as_json:
        terminal.print_json(result)
        return
    for each in map(Pause.from_json, result["paused"]):
        terminal.say(f"{each.kind} {each.id} is no longer paused")
    terminal.say(_what_follows(settings))


def _what_follows(settings: Settings) -> str:
    if settings.syncd.mode == "observe":
        return f"{OBSERVE_REASON}, with or without pauses"
    lock_holder = holder(settings.syncd.state_path)
    if lock_holder is not None and lock_holder.role == "daemon":
        return "the running daemon makes the writes in its next cycle"
    return "the daemon is not running: run `syncd resync` to make the writes"


def _refuse_unknown(settings: Settings, missing: Sequence[PauseTarget]) -> None:
    store = Store.open(settings.syncd.state_path, write=False)
    try:
        pauses_of(store, missing)
    except UnpauseError as error:
        raise UsageError(error.reason, error.remedy) from None
    finally:
        store.close()


def _ask(settings: Settings, ending: Sequence[Pause]) -> None:
    """Show what would be written without these pauses, and ask. Raises typer.Exit if declined."""
    report = preview_resync(settings, None, None, unpaused=ending)
    report.planned = [o for o in report.planned if pause_of(ending, o.provider, o.system)]
    consent.ask_consent(
        "Unpause, and make these writes?"
        if report.planned
        else "Unpause? Nothing would be written now.",
        lambda: show_plan(settings, report, asking=True),
        yes=False,
    )


def _stored_pauses(settings: Settings) -> list[Pause]:
    if not state_exists(settings.syncd.state_path):
        return []
    store = Store.open(settings.syncd.state_path, write=False)
    try:
        return pauses(store)
    finally:
        store.close()


def _carry_out(
    settings: Settings,
    command: str,
    arguments: Mapping[str, Any],
    work: Callable[[Store], Sequence[Pause]],
) -> dict[str, Any]:
    """Change the pauses in the state, or have the daemon do it if it holds the state."""
    path = settings.syncd.state_path
    try:
        with StateLock(path, role=command):
            store = Store.open(path)
            try:
                return pauses_json(work(store))
            finally:
                store.close()
    except StateLockedError as error:
        if error.role != "daemon":
            raise
    return send_request(path, command, arguments, lambda _text: None).result


def _places(
    names: Sequence[str],
    system: str | None,
    provider: str | None,
    known: Mapping[str, Collection[str]],
    *,
    paused_only: bool = False,
) -> list[PauseTarget]:
    """Parse the systems and providers that the arguments name. Raises UsageError."""
    places: list[PauseTarget] = []
    for name in names:
        kinds = [kind for kind, each in known.items() if name in each]
        if len(kinds) > 1:
            remedy = f"Write --system {name} or --provider {name}."
            raise UsageError(f"{name!r} is both a system and a provider", remedy)
        if not kinds:
            what = "paused system or provider" if paused_only else "system or provider"
            raise UsageError(f"there is no {what} named {name[:100]!r}", _known_names(known))
        places.append(PauseTarget(name, "") if kinds == ["system"] else PauseTarget("", name))
    for kind, asked in (("system", system), ("provider", provider)):
        if asked is not None and not paused_only and asked not in known[kind]:
            raise UsageError(f"there is no {kind} {asked[:100]!r}", _known_names(known))
    if system is not None or provider is not None:
        places.append(PauseTarget(system or "", provider or ""))
    return list(dict.fromkeys(places))


def _known_names(known: Mapping[str, Collection[str]]) -> str:
    return " ".join(f"{k.capitalize()}s: {', '.join(n)}." for k, n in known.items() if n)
