"""`syncd pause` and `syncd unpause`: keep syncd from writing to a system or for a provider."""

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
from syncd.daemon.lock import StateHeldError, StateLock, holder
from syncd.engine.pausing import Place, UnpauseError, paused_json, paused_named, places_to
from syncd.engine.pausing import pause as carry_out_pause
from syncd.engine.pausing import unpause as carry_out_unpause
from syncd.model.pauses import OBSERVE_REASON, Pause, pause_of
from syncd.model.request_limits import MAX_TEXT
from syncd.store import Store
from syncd.store.files import state_exists
from syncd.store.pauses import pauses

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Systems and providers, as the configuration names."),
]
SystemOption = Annotated[
    str | None, typer.Option("--system", metavar="NAME", help="This system, for every provider.")
]
ProviderOption = Annotated[
    str | None,
    typer.Option("--provider", "-p", metavar="NAME", help="This provider, in every system."),
]


def pause(
    context: typer.Context,
    names: NamesArgument = None,
    *,
    system: SystemOption = None,
    provider: ProviderOption = None,
    every: bool = typer.Option(False, "--all", help="Every system."),
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Kept and shown; name no customer.")
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write nothing to a system, or for a provider, until `syncd unpause`.

    It is read as ever and stays a source for the others. What stands there stays: no block is
    freed. What would be written is held back, shown by `plan` and `status`, and counts as nothing
    that waits. With --system and --provider it is one calendar. While the daemon runs, it stops at
    once: when this command returns, nothing is on its way any more, except for what a platform has
    queued. Exit: 0 paused, also if it was before; 2 there is no such system or provider.
    """
    who = login_name()  # before root becomes the owner of the state
    settings, _ = settings_in_two(context, config)
    if not reason.isprintable() or len(reason) > MAX_TEXT:
        remedy = f"Write one line of at most {MAX_TEXT} characters."
        raise UsageError("--reason is too long, or holds control characters", remedy)
    known_systems = sorted({name for p in settings.providers.values() for name in p.calendars})
    known = {"system": known_systems, "provider": sorted(settings.providers)}
    places = [Place(name, "") for name in known_systems] if every else []
    places += _places(names or (), system, provider, known)
    if not places:
        raise UsageError("it is not said what to pause", _known(known))
    began = datetime.now(UTC)
    arguments = {"what": places_to(places), "by": who, "reason": reason}
    result = _carry_out(
        settings,
        "pause",
        arguments,
        lambda store: carry_out_pause(store, places, who, reason, datetime.now(UTC)),
    )
    if as_json:
        terminal.print_json(result)
        return
    zone = zone_of(settings, None)
    for each in map(Pause.from_json, result["paused"]):
        before = " already" if each.since < began else ""
        said = pause_view.describe(each, zone).replace(" is paused", f" is paused{before}")
        terminal.say(f"{said}: nothing is written there")
    terminal.say("what stands there stays; `syncd plan` shows what is held back")


def unpause(
    context: typer.Context,
    names: NamesArgument = None,
    *,
    system: SystemOption = None,
    provider: ProviderOption = None,
    every: bool = typer.Option(False, "--all", help="Everything that is paused."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not show the plan and ask first."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """End a pause: what is wanted by now is planned anew, shown, and asked about.

    Nothing of what was held back is lost, and nothing is written that is not wanted any more. The
    running daemon writes it in its next cycle; without one, the next `syncd resync` does. Where
    nobody can be asked, --yes is needed. Exit: 0 done, 2 it is not paused, 4 a person said no.
    """
    who = login_name()
    settings, full = settings_in_two(context, config)
    found = _stored(settings)
    if not found:
        raise UsageError("nothing is paused", "`syncd pause` pauses.")
    known = {
        "system": [p.system for p in found if p.kind == "system"],
        "provider": [p.provider for p in found if p.kind == "provider"],
    }
    places = [Place(p.system, p.provider) for p in found] if every else []
    places += _places(names or (), system, provider, known, paused_only=True)
    if not places:
        remedy = "Paused are: " + "; ".join(pause_view.command(p) for p in found) + "."
        raise UsageError("it is not said what to unpause", remedy)
    if not yes:
        ending = [p for p in found if Place(p.system, p.provider) in places]
        missing = [p for p in places if str(p) not in {each.id for each in ending}]
        if missing:
            _refuse_unknown(settings, missing)
        consent.expect_consent(
            "what was held back would be written", yes=yes, as_json=as_json, look="`syncd plan`"
        )
        _ask(full(), ending)
    arguments = {"what": places_to(places), "by": who}
    try:
        result = _carry_out(
            settings,
            "unpause",
            arguments,
            lambda store: carry_out_unpause(store, places, who, datetime.now(UTC)),
        )
    except UnpauseError as cannot:
        raise UsageError(cannot.reason, cannot.remedy) from None
    if as_json:
        terminal.print_json(result)
        return
    for each in map(Pause.from_json, result["paused"]):
        terminal.say(f"{each.kind} {each.id} is not paused any more")
    terminal.say(_what_follows(settings))


def _what_follows(settings: Settings) -> str:
    if settings.syncd.mode == "observe":
        return f"{OBSERVE_REASON}, whatever is paused"
    held = holder(settings.syncd.state_path)
    if held is not None and held.role == "daemon":
        return "the running daemon writes what is wanted in its next cycle"
    return "no daemon runs: `syncd resync` writes what is wanted"


def _refuse_unknown(settings: Settings, missing: Sequence[Place]) -> None:
    store = Store.open(settings.syncd.state_path, write=False)
    try:
        paused_named(store, missing)
    except UnpauseError as cannot:
        raise UsageError(cannot.reason, cannot.remedy) from None
    finally:
        store.close()


def _ask(settings: Settings, ending: Sequence[Pause]) -> None:
    """Show what would be written without these pauses, and ask. Raises typer.Exit on a no."""
    report = preview_resync(settings, None, None, unpaused=ending)
    report.planned = [o for o in report.planned if pause_of(ending, o.provider, o.system)]
    consent.ask_consent(
        "Unpause, and have this written?"
        if report.planned
        else "Unpause? Nothing would be written now.",
        lambda: show_plan(settings, report, asking=True),
        yes=False,
    )


def _stored(settings: Settings) -> list[Pause]:
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
    """Do it with the state, or have the daemon that holds it do it."""
    path = settings.syncd.state_path
    try:
        with StateLock(path, role=command):
            store = Store.open(path)
            try:
                return paused_json(work(store))
            finally:
                store.close()
    except StateHeldError as held:
        if held.role != "daemon":
            raise
    return send_request(path, command, arguments, lambda _text: None).result


def _places(
    names: Sequence[str],
    system: str | None,
    provider: str | None,
    known: Mapping[str, Collection[str]],
    *,
    paused_only: bool = False,
) -> list[Place]:
    """Read what a person named. Raises UsageError."""
    found: list[Place] = []
    for name in names:
        kinds = [kind for kind, each in known.items() if name in each]
        if len(kinds) > 1:
            remedy = f"Write --system {name} or --provider {name}."
            raise UsageError(f"{name!r} is a system and a provider", remedy)
        if not kinds:
            what = "no paused system or provider" if paused_only else "no system or provider"
            raise UsageError(f"there is {what} {name[:100]!r}", _known(known))
        found.append(Place(name, "") if kinds == ["system"] else Place("", name))
    for kind, asked in (("system", system), ("provider", provider)):
        if asked is not None and not paused_only and asked not in known[kind]:
            raise UsageError(f"there is no {kind} {asked[:100]!r}", _known(known))
    if system is not None or provider is not None:
        found.append(Place(system or "", provider or ""))
    return list(dict.fromkeys(found))


def _known(known: Mapping[str, Collection[str]]) -> str:
    return " ".join(f"{k.capitalize()}s: {', '.join(n)}." for k, n in known.items() if n)
