"""Settings become what a cleanup works with: also of systems and calendars that left them.

How they were last configured is in the state, without secrets; of a credential only the place is
kept from which the configuration read it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncd.config.last_settings import (
    UnreachableSystemError,
    calendar_of,
    calendar_settings_text,
    digest_of,
    is_another,
    read_context_of,
    system_of,
    system_settings_text,
    with_address,
)
from syncd.config.mapping_digest import mapping_digests, remapped_calendars
from syncd.config.secrets import ReadContext
from syncd.config.settings import (
    CalendarSettings,
    LeadConnectorSystem,
    ProviderSettings,
    Settings,
    SystemSettings,
)
from syncd.core.cleanup import CleanupScope
from syncd.core.inputs import inputs_digest
from syncd.engine.breaker import BreakerSystem
from syncd.engine.cleanup_context import Unreachable
from syncd.engine.first_read import CalendarKey
from syncd.model import Changes, Clock
from syncd.model.former_calendars import former_name
from syncd.resource_adapters import LocationRooms
from syncd.store.last_settings import (
    LastSettings,
    former_calendars,
    last_settings,
    save_last_settings,
)
from syncd.store.owned import owned_blocks
from syncd.store.store import Store
from syncd.systems.leadconnector.resource_blocking import calendar_mapping_of
from syncd.systems.leadsquared import LeadSquared
from syncd.systems.port import PlatformError
from syncd.systems.remedies import cause_and_remedy


def remember_settings(settings: Settings, store: Store, clock: Clock) -> None:
    """Keep in the state how systems and calendars are configured now. Raises StateError."""
    at = clock.now()
    systems = [
        LastSettings(name, "", system_settings_text(system), at)
        for name, system in settings.systems.items()
    ]
    save_last_settings(store, systems)
    _remember_calendars(settings, store, at)


def _remember_calendars(settings: Settings, store: Store, at: datetime) -> None:
    """Keep how calendars are configured; where one is another by now, the former one besides."""
    calendars = [
        LastSettings(system, name, calendar_settings_text(provider, calendar), at)
        for name, provider in settings.providers.items()
        for system, calendar in provider.calendars.items()
    ]
    known = last_settings(store)
    former = [
        replace(
            before, provider=former_name(each.provider, inputs_digest(str(before.settings))[:6])
        )
        for each in calendars
        if (before := known.get((each.system, each.provider))) is not None
        and is_another(before.settings, each.settings)
    ]
    save_last_settings(store, [*former, *calendars])


def put_aside(settings: Settings, store: Store, clock: Clock) -> None:
    """Let our blocks be in a provider's former calendar where another one was not read yet.

    Raises StateError.
    """
    _remember_calendars(settings, store, clock.now())
    read = {(b.provider, b.system): b.mapping for b in store.baselines() if b.mapping}
    kept = {place for place in read if place in mapping_digests(settings)}
    aside = [
        replace(each.record, provider=former, fingerprint="")
        for provider, system in sorted(remapped_calendars(settings, read) & kept)
        if (former := former_calendars(store, system).get(provider)) is not None
        for each in owned_blocks(store)
        if (each.record.provider, each.record.system) == (provider, system)
    ]
    if aside:
        store.apply(Changes(records=aside))


@dataclass(slots=True)
class ReachableSettings:
    """The settings with what left them, as far as that can be reached."""

    settings: Settings
    unreachable: dict[CalendarKey, Unreachable] = field(default_factory=dict)
    aliases: dict[CalendarKey, str] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    resource_calendars: dict[str, set[str]] = field(default_factory=dict)
    """Calendars that rooms close, and that no configuration names: by system."""
    unmapped: set[CalendarKey] = field(default_factory=set)
    """The calendars that left the configuration, and are in the settings again."""


def reachable_settings(
    settings: Settings, store: Store, scope: CleanupScope, env: Mapping[str, str] = os.environ
) -> ReachableSettings:
    """Add to the settings what left them and what a cleanup of this scope concerns."""
    known = last_settings(store)
    standing = {(each.provider, each.record.system) for each in owned_blocks(store)}
    reached = ReachableSettings(settings)
    for name, said in settings.systems.items():
        if (other := _other_account(name, said, known.get((name, "")))) is not None:
            reached.unreachable["", name] = other
    around = read_context_of(settings, env)
    systems: dict[str, SystemSettings] = dict(settings.systems)
    for provider, system in sorted(standing):
        if scope.covers(provider, system) and system not in systems:
            try:
                systems[system] = _last_system(system, known.get((system, "")), around)
            except UnreachableSystemError as cannot:
                reached.unreachable["", system] = Unreachable(cannot.reason, cannot.remedy)
    providers = dict(settings.providers)
    for place in sorted(standing):
        _add(place, scope, systems, known, providers, reached)
    reached.zones = {name: p.zone or settings.syncd.zone for name, p in providers.items()}
    reached.settings = replace(settings, systems=systems, providers=providers)
    return reached


def mapping_of(reached: ReachableSettings) -> dict[str, Collection[str]]:
    """For each provider its systems, what left the configuration and can be reached included."""
    found: dict[str, set[str]] = {
        name: set(said.calendars) - {s for p, s in reached.unreachable if not p}
        for name, said in reached.settings.providers.items()
    }
    for system, doors in reached.resource_calendars.items():
        for door in doors:
            found.setdefault(door, set()).add(system)
    return {name: sorted(systems) for name, systems in found.items()}


async def resolve_users(reached: ReachableSettings, accounts: Mapping[str, object]) -> None:
    """Ask the accounts for the users whose addresses are not kept. Raises no PlatformError."""
    providers = dict(reached.settings.providers)
    asked: dict[str, tuple[str, ...]] = {}
    for provider, system in sorted(reached.unmapped):
        said, account = providers[provider], accounts.get(system)
        if not isinstance(account, LeadSquared):
            continue
        try:
            if system not in asked:
                asked[system] = await account.addresses()
            calendar = with_address(said.calendars[system], asked[system])
            why = f"{system} has no user any more who was {provider}"
        except PlatformError as fault:
            calendar, why = None, cause_and_remedy(fault)[0]
        calendars = {**said.calendars}
        if calendar is None:
            del calendars[system]
            remedy = "Put the entry back into the configuration, or run this again later."
            reached.unreachable[provider, system] = Unreachable(why, remedy)
        else:
            calendars[system] = calendar
        providers[provider] = said.model_copy(update={"calendars": calendars})
    reached.settings = replace(reached.settings, providers=providers)


async def add_resource_calendars(
    reached: ReachableSettings, systems: Mapping[str, BreakerSystem]
) -> None:
    """Let adapters know the calendars that only rooms close. Raises no PlatformError."""
    for name, doors in sorted(reached.resource_calendars.items()):
        if name in systems:
            with suppress(PlatformError):
                await LocationRooms(name, systems[name]).block_targets(doors)


def _add(
    place: CalendarKey,
    scope: CleanupScope,
    systems: Mapping[str, SystemSettings],
    known: Mapping[tuple[str, str], LastSettings],
    providers: dict[str, ProviderSettings],
    reached: ReachableSettings,
) -> None:
    """Map the calendar of a block that nobody maps any more."""
    provider, system = place
    mapped = providers.get(provider)
    if system not in systems or (mapped is not None and system in mapped.calendars):
        return
    if calendar_mapping_of(provider) is not None and isinstance(
        systems[system], LeadConnectorSystem
    ):
        reached.resource_calendars.setdefault(system, set()).add(provider)
        return
    if not scope.covers(provider, system):
        return
    last = known.get((system, provider))
    if last is None:
        return  # `CleanupContext.why_unreachable` says so.
    try:
        calendar = calendar_of(provider, system, systems[system].type, last.settings)
    except UnreachableSystemError as cannot:
        reached.unreachable[place] = Unreachable(cannot.reason, cannot.remedy)
        return
    if (holder := _holder(calendar, system, providers)) is not None:
        reached.aliases[place] = holder
        return
    before = mapped or ProviderSettings(kind=last.settings["kind"], zone=last.settings["zone"])
    calendars = {**before.calendars, system: calendar}
    reached.unmapped.add(place)
    providers[provider] = before.model_copy(update={"calendars": calendars})


def _holder(
    calendar: CalendarSettings, system: str, providers: Mapping[str, ProviderSettings]
) -> str | None:
    """Who has the same user, or one of the same calendars, there now: a provider was renamed."""
    seats = _seats(calendar)
    for name, said in providers.items():
        other = said.calendars.get(system)
        if other is not None and seats & _seats(other):
            return name
    return None


def _seats(calendar: CalendarSettings) -> set[tuple[str, str]]:
    """What makes an event this calendar's: its user, else its calendars."""
    said = calendar.model_dump(exclude_none=True)
    user = said.get("user")
    if user and "@" in user:
        # Of one that left only a digest is known, see `config.last_settings`.
        known = user.startswith("address-")
        return {("user", user.partition("@")[0] if known else digest_of(user))}
    if user:
        return {("user", user)}
    places = [*said.get("calendars", ()), said.get("calendar"), said.get("resource")]
    return {("place", place) for place in places if place}


def _other_account(
    name: str, system: SystemSettings, last: LastSettings | None
) -> Unreachable | None:
    """Why the blocks that the state knows in a system cannot be in the configured account."""
    if last is None:
        return None
    now = system_settings_text(system)
    differ = [k for k in ("type", "base_url", "location_id") if now.get(k) != last.settings.get(k)]
    if not differ:
        return None
    key = differ[0]
    return Unreachable(
        f"the state is of another installation, or of another account: there {name} has "
        f"{key} = {last.settings.get(key)!r}, in the configuration {now.get(key)!r}",
        "Name the configuration that belongs to the state with --config, or the state that belongs "
        f"to the configuration; if that account is gone for good: syncd cleanup --give-up {name}.",
    )


def _last_system(system: str, last: LastSettings | None, around: ReadContext) -> SystemSettings:
    """Make the settings of a system as it was last configured. Raises UnreachableSystemError."""
    if last is not None:
        return system_of(system, last.settings, around)
    raise UnreachableSystemError(
        f"how {system} was configured is not known any more",
        f"Put [systems.{system}] and its calendars back into the configuration, and run this "
        f"again; if the account is gone for good: syncd cleanup --give-up {system}.",
    )
