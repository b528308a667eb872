"""What `syncd check` looks at on LeadConnector v1, without writing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from syncd.systems.findings import EMPTY_USER_LIST
from syncd.systems.leadconnector_v1.wire import NamedRow, Service
from syncd.systems.lenient import text
from syncd.systems.port import CheckResult, PlatformError
from syncd.systems.remedies import cause_and_remedy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from syncd.systems.leadconnector_v1.account import Account, CalendarMapping
    from syncd.systems.leadconnector_v1.calls import Api
    from syncd.systems.lenient import LenientValue


OUT_OF_SUPPORT = (
    (
        "the v1 API is out of support since 31 December 2025; existing keys keep working, and a "
        "key that is not used for 90 days is deleted"
    ),
    "plan the move to v2: docs/moving-to-v2.md",
)
"""A fact about the whole account, and no reason for `check` to fail."""


async def check(
    system: str, account: Account, calendars: Mapping[str, CalendarMapping], calls: Api
) -> list[CheckResult]:
    """Look at the key, the zone and every mapped id. A call that fails is a finding."""
    findings = [CheckResult("note", system, *OUT_OF_SUPPORT)]
    try:
        zone_name = await calls.timezone()
    except PlatformError as fault:
        return [CheckResult("error", system, *cause_and_remedy(fault)), *findings]
    findings.append(CheckResult("ok", system, "the key is accepted"))
    if not (account.timezone or zone_name):
        remedy = f'set timezone = "…" in [systems.{system}]'
        findings.append(CheckResult("warning", system, "the location tells no known zone", remedy))
    findings += _forms(system, account, calendars)
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
            findings += await _known(system, noun, wanted, ask)
    return [*findings, *_together(system, calendars, services)]


async def _known(
    system: str,
    noun: str,
    wanted: Mapping[str, str],
    ask: Callable[[], Awaitable[Iterable[object]]],
) -> list[CheckResult]:
    """Whether each mapped id is among the location's own, and active as far as it says."""
    try:
        listed = [item for item in await ask() if isinstance(item, NamedRow | Service)]
    except PlatformError as fault:
        return [CheckResult("error", f"{system}: {noun}s", *cause_and_remedy(fault))]
    if noun == "user" and not listed:
        return [CheckResult("warning", f"{system}: users", *EMPTY_USER_LIST)]
    active = {text(item.id): getattr(item, "is_active", None) is not False for item in listed}
    return [
        _verdict(system, f"{system}: {provider}", noun, provider, active=active.get(known))
        for provider, known in wanted.items()
    ]


def _together(
    system: str, calendars: Mapping[str, CalendarMapping], services: Iterable[object]
) -> Iterable[CheckResult]:
    """Calendars that are read one by one, and could be by their team (see `plan`)."""
    teams = {text(s.id): text(s.team_id) for s in services if isinstance(s, Service)}
    alone: dict[str, set[str]] = defaultdict(set)
    for calendar in calendars.values():
        if calendar.calendar and not (calendar.user or calendar.team):
            alone[teams.get(calendar.calendar, "")].add(calendar.calendar)
    for team, members in alone.items():
        if team and len(members) > 1:
            message = f"{len(members)} calendars of team {team} are read by a call each"
            remedy = f'say team = "{team}" beside each of them, and one call reads them all'
            yield CheckResult("ok", f"{system}: team {team}", message, remedy)


def _verdict(
    system: str, subject: str, noun: str, provider: str, *, active: bool | None
) -> CheckResult:
    remedy = f"correct {system} of [providers.{provider}.calendars]"
    match active:
        case True:
            return CheckResult("ok", subject, f"the {noun} exists")
        case False:
            return CheckResult("warning", subject, f"the {noun} is not active", remedy)
        case None:
            return CheckResult("error", subject, f"the location has no such {noun}", remedy)


def _forms(
    system: str, account: Account, calendars: Mapping[str, CalendarMapping]
) -> Iterable[CheckResult]:
    """Providers that cannot be blocked in the configured form."""
    for provider, calendar in calendars.items():
        holds = account.blocks == "hold"
        if not calendar.calendar and (holds or not calendar.user):
            need = "a calendar" if holds else "a user or a calendar"
            yield CheckResult(
                "error",
                f"{system}: {provider}",
                f"blocks need {need} id",
                f"add it to {system} of [providers.{provider}.calendars], or say write = false",
            )
