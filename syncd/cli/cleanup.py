"""`syncd cleanup`: remove the blocks of syncd from a provider, a system or all calendars."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from syncd.cleanup_access import open_cleanup
from syncd.cli import cleanup_text, consent, render, terminal
from syncd.cli.acknowledge import login_name
from syncd.cli.options import ConfigOption, JsonOption, UsageError, settings_in_two
from syncd.cli.resync_run import copy_of_state, stop_on_signals
from syncd.config.problems import ConfigError
from syncd.config.settings import Settings
from syncd.core.ownership.cleanup import CleanupScope
from syncd.daemon.client import send_request
from syncd.daemon.lock import StateLock, StateLockedError, holder
from syncd.engine.cleanup.abandoned_system import abandon_system
from syncd.engine.cleanup.clean_up import clean_up
from syncd.engine.cleanup.report import CleanupReport
from syncd.engine.policy import IdSource
from syncd.engine.report.run_report import RunExit
from syncd.machine import random_id, random_key
from syncd.model.pauses import OBSERVE_REASON, OBSERVE_REMEDY
from syncd.store import Store
from syncd.store.queries.last_settings import last_settings
from syncd.store.queries.owned import owned_blocks
from syncd.systems.stopping import Stopping

ChosenBlocks = list[tuple[str, str]]
"""Tagged blocks that the operator wants removed, as (system, event id)."""


def cleanup(
    context: typer.Context,
    *,
    system: Annotated[
        str | None, typer.Option("--system", metavar="NAME", help="Only this system.")
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider",
            "-p",
            metavar="NAME",
            help="Only this provider (a human, room or equipment).",
        ),
    ] = None,
    tagged: Annotated[
        list[str] | None,
        typer.Option(
            "--tagged",
            metavar="PROVIDER/SYSTEM",
            help="Also remove blocks of this calendar that are identified only by their tag, if no "
            "other event has the same tag. May be repeated.",
        ),
    ] = None,
    give_up: Annotated[
        str | None,
        typer.Option(
            "--give-up",
            metavar="SYSTEM",
            help="Forget the blocks in a system whose account no longer exists.",
        ),
    ] = None,
    dry_run: bool = typer.Option(False, "--dry-run", help="Only show what would be removed."),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask; required without a terminal."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Remove the blocks that syncd made, for a provider, a system or all; then verify the removal.

    Shows the blocks first. Also removes blocks of systems and providers that were removed from the
    configuration: the state has their settings and the places of their credentials. A block is
    syncd's if the state or the file of created ids has its id. Without both, syncd searches the
    calendars for tagged blocks, proposes the blocks whose tag occurs once, calendar by calendar,
    and refuses --yes alone. Afterwards the configured calendars that were cleaned up are paused;
    `syncd unpause` allows new blocks. If the daemon is running, it does the work. Exit: 0 no block
    of syncd is left; 3 tagged blocks are left that the operator must judge; 4 a calendar could not
    be read or written, or the operator answered no or interrupted; 6 another syncd holds the state.
    """
    user = login_name()  # must come before root switches to the owner of the state
    settings, full = settings_in_two(context, config)
    if give_up is not None:
        _refuse_other_options(system, provider, tagged)
        raise typer.Exit(
            _abandon_system(settings, give_up, user, dry_run=dry_run, yes=yes, as_json=as_json)
        )
    scope = CleanupScope(system or "", provider or "")
    if settings.syncd.mode == "observe" and not dry_run:
        raise UsageError(OBSERVE_REASON, OBSERVE_REMEDY)
    if not dry_run:
        consent.expect_consent("a cleanup removes blocks from calendars", yes=yes, as_json=as_json)
    _check_names(settings, scope)
    plan = _preview(settings, full, scope, by_tag=bool(tagged), quiet=as_json)
    named = _blocks_in(plan, tagged or ())
    if dry_run:
        _show_plan(plan, as_json=as_json)
        raise typer.Exit(RunExit.DONE.code if plan["done"] else RunExit.UNANSWERED.code)
    _expect_proof(plan, named, yes=yes)
    chosen = named if yes else _choose_blocks(plan, named)
    number = cleanup_text.blocks_of(plan) + len(chosen)
    unread = any(calendar["why"] for calendar in plan["calendars"])
    if not yes and (number or unread):
        more = ", and further blocks in calendars that could not be read now" if unread else ""
        question = f"Remove {render.count(number, 'block')}{more}?"
        consent.ask_consent(
            question, lambda: _show_plan(plan, as_json=False, asking=True), yes=False
        )
    data, code = _execute(full, settings, scope, chosen, bool(tagged), user, quiet=as_json)
    if as_json:
        terminal.print_json(data)
    else:
        cleanup_text.print_result(data)
    raise typer.Exit(code)


def _refuse_other_options(*given: object) -> None:
    if any(given):
        raise UsageError(
            "--give-up cannot be combined with --system, --provider or --tagged",
            "Write only --give-up SYSTEM.",
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
    for noun, name, known in (
        ("system", scope.system, systems),
        ("provider", scope.provider, providers),
    ):
        if name and name not in known:
            raise UsageError(
                f"there is no {noun} {name[:100]!r}",
                f"The configuration and the state contain: {', '.join(sorted(known))}.",
            )


def _preview(
    settings: Settings,
    full: Callable[[], Settings],
    scope: CleanupScope,
    *,
    by_tag: bool,
    quiet: bool,
) -> Mapping[str, Any]:
    """List the blocks to remove, on a copy of the state; write nothing.

    If the credentials cannot be read here, the running daemon lists the blocks. Raises ConfigError
    if there is none.
    """
    try:
        with_secrets = full()
    except ConfigError:
        current = holder(settings.syncd.state_path)
        if current is None or current.role != "daemon":
            raise
        arguments = _arguments(scope, [], by_tag, "") | {"dry_run": True}
        with terminal.progress("asking the daemon", quiet=quiet) as on_progress:
            return send_request(settings.syncd.state_path, "cleanup", arguments, on_progress).result
    store = copy_of_state(with_secrets)

    async def preview() -> CleanupReport:
        async with open_cleanup(with_secrets, store, scope) as job:
            with terminal.progress("reading", quiet=quiet) as on_progress:
                return await clean_up(job, dry_run=True, by_tag=by_tag, progress=on_progress)

    try:
        return asyncio.run(preview()).to_json()
    finally:
        store.close()


def _arguments(
    scope: CleanupScope, chosen: ChosenBlocks, by_tag: bool, user: str
) -> dict[str, object]:
    """Return the arguments of the request to the daemon."""
    return {
        "system": scope.system or None,
        "provider": scope.provider or None,
        "chosen": [list(each) for each in chosen],
        "by_tag": by_tag,
        "who": user,
    }


def _proposed(calendar: Mapping[str, Any]) -> ChosenBlocks:
    """Return the tagged blocks of a calendar that are proposed for removal."""
    tagged = calendar["tagged"]
    return [(calendar["system"], each["event"]) for each in tagged if each["doubt"] is None]


def _blocks_in(plan: Mapping[str, Any], calendars: Sequence[str]) -> ChosenBlocks:
    """Return the proposed blocks of these calendars (PROVIDER/SYSTEM). Raises UsageError."""
    known = {cleanup_text.tagged_value(calendar): calendar for calendar in plan["calendars"]}
    for name in calendars:
        if name not in known:
            raise UsageError(
                f"there is no calendar {name[:100]!r} in this cleanup",
                f"Write PROVIDER/SYSTEM. The calendars are: {', '.join(sorted(known))}.",
            )
    return [each for name in dict.fromkeys(calendars) for each in _proposed(known[name])]


def _expect_proof(plan: Mapping[str, Any], named: ChosenBlocks, *, yes: bool) -> None:
    """Refuse ``--yes`` alone if only tags show which blocks are syncd's. Raises UsageError."""
    proposed = [
        cleanup_text.tagged_value(calendar) for calendar in plan["calendars"] if _proposed(calendar)
    ]
    if yes and proposed and not named and plan["by_tag"] and not cleanup_text.blocks_of(plan):
        raise UsageError(
            "nothing proves which blocks syncd made: there is neither a state nor a file of "
            "created ids, and somebody on the platform may have copied a tag",
            "Run the command on a terminal: it asks about each calendar. Or check with --dry-run, "
            f"then name each calendar: {' '.join('--tagged ' + name for name in proposed)}.",
        )


def _choose_blocks(plan: Mapping[str, Any], named: ChosenBlocks) -> ChosenBlocks:
    """Ask for each calendar whether to remove its proposed blocks; return the blocks agreed to."""
    chosen = list(named)
    for calendar in plan["calendars"] if plan["by_tag"] else ():
        proposed = [each for each in _proposed(calendar) if each not in chosen]
        if not proposed:
            continue
        with terminal.to_stderr():
            cleanup_text.print_proposed(calendar)
        if terminal.confirmed(cleanup_text.removal_question(calendar, len(proposed))):
            chosen += proposed
    return chosen


def _show_plan(plan: Mapping[str, Any], *, as_json: bool, asking: bool = False) -> None:
    if as_json:
        terminal.print_json(plan)
    else:
        cleanup_text.print_plan(plan, asking=asking)


def _execute(
    full: Callable[[], Settings],
    settings: Settings,
    scope: CleanupScope,
    chosen: ChosenBlocks,
    by_tag: bool,
    user: str,
    *,
    quiet: bool,
) -> tuple[Mapping[str, Any], int]:
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="cleanup"):
            report = asyncio.run(_clean_up(full(), scope, chosen, by_tag, user, quiet=quiet))
            return report.to_json(), report.exit.code
    except StateLockedError as holder_found:
        if holder_found.role != "daemon":
            raise
    with terminal.progress("asking the daemon", quiet=quiet) as on_progress:
        arguments = _arguments(scope, chosen, by_tag, user)
        answer = send_request(path, "cleanup", arguments, on_progress)
    if not quiet:
        terminal.say("carried out by the running daemon")
    return answer.result, answer.exit


async def _clean_up(
    settings: Settings,
    scope: CleanupScope,
    chosen: Collection[tuple[str, str]],
    by_tag: bool,
    user: str,
    *,
    quiet: bool,
) -> CleanupReport:
    store, stopping = Store.open(settings.syncd.state_path), Stopping()
    stop_on_signals(stopping)
    try:
        async with open_cleanup(settings, store, scope, stopping=stopping) as job:
            with terminal.progress("reading", quiet=quiet) as on_progress:
                return await clean_up(
                    job, dry_run=False, chosen=chosen, by_tag=by_tag, who=user, progress=on_progress
                )
    finally:
        store.close()


def _abandon_system(
    settings: Settings, system: str, user: str, *, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Forget the blocks and open writes of a system that is gone, after a question."""
    if system in settings.systems:
        raise UsageError(
            f"{system} is still in the configuration, so syncd does not give up its blocks",
            f"To remove its blocks: syncd cleanup --system {system}. If its account no longer "
            f"exists, first remove {system} from the configuration.",
        )
    store = copy_of_state(settings)
    blocks = sum(each.record.system == system for each in owned_blocks(store))
    known = {s for s, _ in last_settings(store)} | {e.record.system for e in owned_blocks(store)}
    store.close()
    if system not in known:
        raise UsageError(
            f"the state contains no system {system[:100]!r}",
            "Check the name: only a system that the state contains can be given up.",
        )
    consequences = cleanup_text.abandon_consequences(system, blocks)
    if dry_run:
        terminal.say(consequences)
        return 0
    consent.ask_consent(
        f"Forget the blocks in {system} permanently?",
        lambda: terminal.say(consequences),
        yes=yes,
        as_json=as_json,
        what="syncd would never look for its blocks in that system again",
    )
    path = settings.syncd.state_path
    try:
        with StateLock(path, role="cleanup"):
            state = Store.open(path)
            try:
                ids = IdSource(row=random_id, key=random_key)
                abandoned = abandon_system(state, system, user, datetime.now(UTC), ids)
                data: Mapping[str, Any] = abandoned.to_json()
            finally:
                state.close()
    except StateLockedError as holder_found:
        if holder_found.role != "daemon":
            raise
        data = send_request(
            path, "cleanup", {"give_up": system, "who": user}, lambda _text: None
        ).result
    if as_json:
        terminal.print_json(data)
    else:
        terminal.say(cleanup_text.abandoned_text(data))
    return RunExit.DONE.code
