"""The checks of `syncd check` for a v1 location; they write nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from syncd.systems.errors import PlatformError
from syncd.systems.findings import EMPTY_USER_LIST
from syncd.systems.leadconnector_v1.wire import NamedRow, Service
from syncd.systems.lenient import text
from syncd.systems.port import CheckResult
from syncd.systems.remedies import cause_and_remedy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from syncd.systems.leadconnector_v1.account import Account, CalendarMapping
    from syncd.systems.leadconnector_v1.calls import Api
    from syncd.systems.lenient import LenientValue


OUT_OF_SUPPORT = (
    (
        "the v1 API has been out of support since 31 December 2025; existing keys keep working, "
        "but a key is deleted after 90 days without use"
    ),
    "plan the move to v2: docs/moving-to-v2.md",
)
"""A note about the whole account; `check` does not fail because of it."""


async def check(
    system: str, account: Account, calendars: Mapping[str, CalendarMapping], calls: Api
) -> list[CheckResult]:
    """Check the key, the time zone and every mapped id. A failed call becomes a check result."""
    findings = [CheckResult("note", system, *OUT_OF_SUPPORT)]
    try:
        zone_name = await calls.timezone()
    except PlatformError as fault:
        return [CheckResult("error", system, *cause_and_remedy(fault)), *findings]
    findings.append(CheckResult("ok", system, "the key is accepted"))
    if not (account.timezone or zone_name):
        remedy = f'set timezone = "…" in [systems.{system}]'
        findings.append(
            CheckResult("warning", system, "the time zone of the location is not known", remedy)
        )
    findings += _block_targets(system, account, calendars)
    services: list[Service | LenientValue] = []

    async def ask_services() -> list[Service | LenientValue]:
        services.extend(await calls.services())
        return services

    for noun, wanted, ask in (
        ("calendar", {p: c.calendar for p, c in calendars.items() if c.calendar}, ask_services),
        ("user", {p: c.user for p, c in calendars.items() if c.user}, calls.users),
        ("team", {p: c.team for p, c in calendars.items() if c.team}, calls.teams),
    ):
        if wanted:
            findings += await _check_ids(system, noun, wanted, ask)
    return [*findings, *_team_lists(system, calendars, services)]


async def _check_ids(
    system: str,
    noun: str,
    wanted: Mapping[str, str],
    ask: Callable[[], Awaitable[Iterable[object]]],
) -> list[CheckResult]:
    """Check that each mapped id exists in the location and, if that is shown, is active.

    ``wanted`` are the mapped ids; ``ask`` reads the rows of the location; ``noun`` names their
    kind.
    """
    try:
        rows = [item for item in await ask() if isinstance(item, NamedRow | Service)]
    except PlatformError as fault:
        return [CheckResult("error", f"{system}: {noun}s", *cause_and_remedy(fault))]
    if noun == "user" and not rows:
        return [CheckResult("warning", f"{system}: users", *EMPTY_USER_LIST)]
    active = {text(item.id): getattr(item, "is_active", None) is not False for item in rows}
    return [
        _id_result(system, f"{system}: {provider}", noun, provider, active=active.get(id))
        for provider, id in wanted.items()
    ]


def _team_lists(
    system: str, calendars: Mapping[str, CalendarMapping], services: Iterable[object]
) -> Iterable[CheckResult]:
    """Report calendars that are read one by one although their team could be read (see `plan`)."""
    teams = {text(s.id): text(s.team_id) for s in services if isinstance(s, Service)}
    single_calendars: dict[str, set[str]] = defaultdict(set)
    for mapping in calendars.values():
        if mapping.calendar and not (mapping.user or mapping.team):
            single_calendars[teams.get(mapping.calendar, "")].add(mapping.calendar)
    for team, members in single_calendars.items():
        if team and len(members) > 1:
            message = f"{len(members)} calendars of team {team} are read one by one"
            remedy = f'add team = "{team}" to each calendar, so that one call reads them all'
            yield CheckResult("ok", f"{system}: team {team}", message, remedy)


def _id_result(
    system: str, subject: str, noun: str, provider: str, *, active: bool | None
) -> CheckResult:
    remedy = f"correct {system} in [providers.{provider}.calendars]"
    match active:
        case True:
            return CheckResult("ok", subject, f"the {noun} exists")
        case False:
            return CheckResult("warning", subject, f"the {noun} is not active", remedy)
        case None:
            return CheckResult(
                "error", subject, f"the {noun} does not exist in the location", remedy
            )


def _block_targets(
    system: str, account: Account, calendars: Mapping[str, CalendarMapping]
) -> Iterable[CheckResult]:
    """Report providers that cannot be blocked in the configured form."""
    for provider, mapping in calendars.items():
        holds = account.blocks == "hold"
        if not mapping.calendar and (holds or not mapping.user):
            need = "a calendar" if holds else "a user or a calendar"
            yield CheckResult(
                "error",
                f"{system}: {provider}",
                f"blocks need {need} id, but none is mapped",
                f"add the id to {system} in [providers.{provider}.calendars], or set write = false",
            )
