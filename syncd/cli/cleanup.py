"""`syncd cleanup`: remove what syncd made, for a provider, a system or everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from syncd.app import random_id, random_key
from syncd.cleanup_access import open_cleanup
from syncd.cli import cleanup_text, consent, render, terminal
from syncd.cli.acknowledge import login_name
from syncd.cli.options import ConfigOption, JsonOption, UsageError, settings_in_two
from syncd.cli.resync_run import copy_of_state, stop_on_signals
from syncd.config.problems import ConfigError
from syncd.config.settings import Settings
from syncd.core.cleanup import CleanupScope
from syncd.daemon.client import send_request
from syncd.daemon.lock import StateHeldError, StateLock, holder
from syncd.engine.abandoned_system import abandon_system as let_go
from syncd.engine.cleanup import clean_up
from syncd.engine.cleanup_report import CleanupReport
from syncd.engine.policy import Ids
from syncd.engine.report import RunExit
from syncd.model.pauses import OBSERVE_REASON, OBSERVE_REMEDY
from syncd.store import Store
from syncd.store.last_settings import last_settings
from syncd.store.owned import owned_blocks
from syncd.systems.stopping import Stopping

Chosen = list[tuple[str, str]]
"""Tagged blocks that a person wants removed: (system, event)."""


def cleanup(
    context: typer.Context,
    *,
    system: Annotated[
        str | None, typer.Option("--system", metavar="NAME", help="Only this system.")
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option("--provider", "-p", metavar="NAME", help="Only this person, room or thing."),
    ] = None,
    tagged: Annotated[
        list[str] | None,
        typer.Option(
            "--tagged",
            metavar="PROVIDER/SYSTEM",
            help="In this calendar remove also blocks that only their tag speaks for, where it "
            "stands once; may be given several times.",
        ),
    ] = None,
    give_up: Annotated[
        str | None,
        typer.Option(
            "--give-up", metavar="SYSTEM", help="Let go of a system whose account is gone for good."
        ),
    ] = None,
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what would be removed, no more."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask; needed without a terminal."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Remove what syncd made, for a provider, a system or everything; shown first, proven last.

    What left the configuration is removed too: the state knows how it was configured, and where its
    credentials were read from. Blocks are syncd's by their ids, which the state and the file of
    created ids know. Without either, calendars are read for tagged blocks: those whose tag stands
    once are proposed, calendar by calendar, and --yes alone is refused. Afterwards what is in the
    configuration and was cleaned up is paused: `syncd unpause` lets blocks be made again. While the
    daemon runs, the daemon does it. Exit: 0 nothing of syncd's is left; 3 tagged blocks are left
    that only a person can judge; 4 a calendar could not be read or written, or a person said no or
    interrupted; 6 another syncd holds the state.
    """
    who = login_name()  # before root becomes the owner of the state
    settings, full = settings_in_two(context, config)
    if give_up is not None:
        _refuse_others(system, provider, tagged)
        raise typer.Exit(
            _give_up(settings, give_up, who, dry_run=dry_run, yes=yes, as_json=as_json)
        )
    scope = CleanupScope(system or "", provider or "")
    if settings.syncd.mode == "observe" and not dry_run:
        raise UsageError(OBSERVE_REASON, OBSERVE_REMEDY)
    if not dry_run:
        consent.expect_consent("a cleanup removes what syncd made", yes=yes, as_json=as_json)
    _check_names(settings, scope)
    found = _preview(settings, full, scope, by_tag=bool(tagged), quiet=as_json)
    named = _named(found, tagged or ())
    if dry_run:
        _show_plan(found, as_json=as_json)
        raise typer.Exit(RunExit.DONE.code if found["done"] else RunExit.UNANSWERED.code)
    _expect_proof(found, named, yes=yes)
    chosen = named if yes else _chosen(found, named)
    number = cleanup_text.blocks_of(found) + len(chosen)
    unseen = any(calendar["why"] for calendar in found["calendars"])
    if not yes and (number or unseen):
        more = ", and what is found where nothing could be read now" if unseen else ""
        question = f"Remove {render.count(number, 'block')}{more}?"
        consent.ask_consent(
            question, lambda: _show_plan(found, as_json=False, asking=True), yes=False
        )
    data, code = _carry_out(full, settings, scope, chosen, bool(tagged), who, quiet=as_json)
    if as_json:
        terminal.print_json(data)
    else:
        cleanup_text.show_result(data)
    raise typer.Exit(code)


def _refuse_others(*given: object) -> None:
    if any(given):
        raise UsageError(
            "--give-up goes with no other choice", "Name the system after it, and nothing else."
        )


def _check_names(settings: Settings, scope: CleanupScope) -> None:
    """Refuse a name that neither the configuration nor the state knows. Raises UsageError."""
    store = copy_of_state(settings)
    places = {(e.provider, e.record.system) for e in owned_blocks(store)}
    places |= {(p, s) for s, p in last_settings(store)}
    store.close()
    places |= {(n, s) for n, p in settings.providers.items() for s in p.calendars}
    systems = {s for _, s in places} | {*settings.systems}
    providers = {p for p, _ in places if p} | {*settings.providers}
    for sort, name, known in (
        ("system", scope.system, systems),
        ("provider", scope.provider, providers),
    ):
        if name and name not in known:
            raise UsageError(
                f"there is no {sort} {name[:100]!r}",
                f"The configuration and the state know: {', '.join(sorted(known))}.",
            )


def _preview(
    settings: Settings,
    full: Callable[[], Settings],
    scope: CleanupScope,
    *,
    by_tag: bool,
    quiet: bool,
) -> Mapping[str, Any]:
    """Look what stands, on a copy of the state; nothing is written anywhere.

    Who has no credentials at hand has the running daemon look, if there is one.
    """
    try:
        whole = full()
    except ConfigError:
        held = holder(settings.syncd.state_path)
        if held is None or held.role != "daemon":
            raise
        arguments = _arguments(scope, [], by_tag, "") | {"dry_run": True}
        with terminal.progress("asking the daemon", quiet=quiet) as told:
            return send_request(settings.syncd.state_path, "cleanup", arguments, told).result
    store = copy_of_state(whole)

    async def look() -> CleanupReport:
        async with open_cleanup(whole, store, scope) as job:
            with terminal.progress("reading", quiet=quiet) as told:
                return await clean_up(job, dry_run=True, by_tag=by_tag, progress=told)

    try:
        return asyncio.run(look()).to_json()
    finally:
        store.close()


def _arguments(scope: CleanupScope, chosen: Chosen, by_tag: bool, who: str) -> dict[str, object]:
    """What the daemon is asked."""
    return {
        "system": scope.system or None,
        "provider": scope.provider or None,
        "chosen": [list(each) for each in chosen],
        "by_tag": by_tag,
        "who": who,
    }


def _proposed(calendar: Mapping[str, Any]) -> Chosen:
    """Return the tagged blocks of a calendar that are proposed."""
    tagged = calendar["tagged"]
    return [(calendar["system"], each["event"]) for each in tagged if each["doubt"] is None]


def _named(found: Mapping[str, Any], calendars: Sequence[str]) -> Chosen:
    """Return the proposed blocks of the calendars that were named. Raises UsageError."""
    known = {cleanup_text.name_of(calendar): calendar for calendar in found["calendars"]}
    for name in calendars:
        if name not in known:
            raise UsageError(
                f"there is no calendar {name[:100]!r} in what is cleaned up",
                f"Write PROVIDER/SYSTEM; known are: {', '.join(sorted(known))}.",
            )
    return [each for name in dict.fromkeys(calendars) for each in _proposed(known[name])]


def _expect_proof(found: Mapping[str, Any], named: Chosen, *, yes: bool) -> None:
    """Refuse ``--yes`` alone where nothing proves what is syncd's. Raises UsageError."""
    proposed = [
        cleanup_text.name_of(calendar) for calendar in found["calendars"] if _proposed(calendar)
    ]
    if yes and proposed and not named and found["by_tag"] and not cleanup_text.blocks_of(found):
        raise UsageError(
            "nothing proves which blocks are syncd's: there is neither a state nor a file of "
            "created ids, and a tag may have been copied by a person",
            "Run it on a terminal, where it asks for each calendar; or look with --dry-run and "
            f"name each calendar: {' '.join('--tagged ' + name for name in proposed)}.",
        )


def _chosen(found: Mapping[str, Any], named: Chosen) -> Chosen:
    """Ask for each calendar whether the proposed blocks are to be removed."""
    chosen = list(named)
    for calendar in found["calendars"] if found["by_tag"] else ():
        proposed = [each for each in _proposed(calendar) if each not in chosen]
        if not proposed:
            continue
        with terminal.aside():
            cleanup_text.show_tagged(calendar)
        if terminal.confirmed(cleanup_text.question_of(calendar, len(proposed))):
            chosen += proposed
    return chosen


def _show_plan(found: Mapping[str, Any], *, as_json: bool, asking: bool = False) -> None:
    if as_json:
        terminal.print_json(found)
    else:
        cleanup_text.show_cleanup(found, asking=asking)


def _carry_out(
    full: Callable[[], Settings],
    settings: Settings,
    scope: CleanupScope,
    chosen: Chosen,
    by_tag: bool,
    who: str,
    *,
    quiet: bool,
) -> tuple[Mapping[str, Any], int]:
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="cleanup"):
            cleaned = asyncio.run(_clean(full(), scope, chosen, by_tag, who, quiet=quiet))
            return cleaned.to_json(), cleaned.exit.code
    except StateHeldError as held:
        if held.role != "daemon":
            raise
    with terminal.progress("asking the daemon", quiet=quiet) as told:
        answer = send_request(path, "cleanup", _arguments(scope, chosen, by_tag, who), told)
    if not quiet:
        terminal.say("carried out by the running daemon")
    return answer.result, answer.exit


async def _clean(
    settings: Settings,
    scope: CleanupScope,
    chosen: Collection[tuple[str, str]],
    by_tag: bool,
    who: str,
    *,
    quiet: bool,
) -> CleanupReport:
    store, stopping = Store.open(settings.syncd.state_path), Stopping()
    stop_on_signals(stopping)
    try:
        async with open_cleanup(settings, store, scope, stopping=stopping) as job:
            with terminal.progress("reading", quiet=quiet) as told:
                return await clean_up(
                    job, dry_run=False, chosen=chosen, by_tag=by_tag, who=who, progress=told
                )
    finally:
        store.close()


def _give_up(
    settings: Settings, system: str, who: str, *, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Let go of a system for good, after a question."""
    if system in settings.systems:
        raise UsageError(
            f"{system} is in the configuration",
            f"To remove its blocks: syncd cleanup --system {system}. If its account is gone for "
            "good: take it out of the configuration first.",
        )
    store = copy_of_state(settings)
    blocks = sum(each.record.system == system for each in owned_blocks(store))
    known = {s for s, _ in last_settings(store)} | {e.record.system for e in owned_blocks(store)}
    store.close()
    if system not in known:
        raise UsageError(
            f"the state knows no system {system[:100]!r}", "Nothing is to be given up."
        )
    told = cleanup_text.giving_up(system, blocks)
    if dry_run:
        terminal.say(told)
        return 0
    consent.ask_consent(
        f"Give {system} up for good?",
        lambda: terminal.say(told),
        yes=yes,
        as_json=as_json,
        what="syncd would never look for its blocks there again",
    )
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="cleanup"):
            state = Store.open(path)
            try:
                ids = Ids(row=random_id, key=random_key)
                data: Mapping[str, Any] = let_go(
                    state, system, who, datetime.now(UTC), ids
                ).to_json()
            finally:
                state.close()
    except StateHeldError as held:
        if held.role != "daemon":
            raise
        data = send_request(
            path, "cleanup", {"give_up": system, "who": who}, lambda _text: None
        ).result
    if as_json:
        terminal.print_json(data)
    else:
        terminal.say(cleanup_text.given_up(data))
    return RunExit.DONE.code
