"""Extend the settings for a cleanup by systems and calendars that left the configuration.

The state contains their last settings without secrets: of a credential only its source.
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
from syncd.core.inputs import inputs_digest
from syncd.core.ownership.cleanup import CleanupScope
from syncd.engine.cleanup.context import Unreachable
from syncd.engine.reading.first_read import CalendarKey
from syncd.engine.tasks.breaker import BreakerSystem
from syncd.model import Changes, Clock
from syncd.model.former_calendars import former_name
from syncd.resource_adapters import LocationRooms
from syncd.store.queries.last_settings import (
    LastSettings,
    former_calendars,
    last_settings,
    save_last_settings,
)
from syncd.store.queries.owned import owned_blocks
from syncd.store.store import Store
from syncd.systems.errors import PlatformError
from syncd.systems.leadconnector.resource_blocking import calendar_mapping_of
from syncd.systems.leadsquared import LeadSquared
from syncd.systems.remedies import cause_and_remedy


def remember_settings(settings: Settings, store: Store, clock: Clock) -> None:
    """Store the current settings of systems and calendars in the state. Raises StateError."""
    at = clock.now()
    systems = [
        LastSettings(name, "", system_settings_text(system), at)
        for name, system in settings.systems.items()
    ]
    save_last_settings(store, systems)
    _remember_calendars(settings, store, at)


def _remember_calendars(settings: Settings, store: Store, at: datetime) -> None:
    """Store the settings of calendars; keep those of a remapped calendar under a former name."""
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


def assign_remapped_blocks(settings: Settings, store: Store, clock: Clock) -> None:
    """Assign our blocks of remapped calendars to the former calendars. Raises StateError.

    This is needed until the first read of the new calendar.
    """
    _remember_calendars(settings, store, clock.now())
    read = {(b.provider, b.system): b.mapping for b in store.baselines() if b.mapping}
    mapped = {key for key in read if key in mapping_digests(settings)}
    moved = [
        replace(each.record, provider=former, fingerprint="")
        for provider, system in sorted(remapped_calendars(settings, read) & mapped)
        if (former := former_calendars(store, system).get(provider)) is not None
        for each in owned_blocks(store)
        if (each.record.provider, each.record.system) == (provider, system)
    ]
    if moved:
        store.apply(Changes(records=moved))


@dataclass(slots=True)
class ReachableSettings:
    """The settings, with the systems and calendars that left them and can still be reached."""

    settings: Settings
    unreachable: dict[CalendarKey, Unreachable] = field(default_factory=dict)
    aliases: dict[CalendarKey, str] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    resource_calendars: dict[str, set[str]] = field(default_factory=dict)
    """Calendars with resource blocks that the configuration does not name, by system."""
    unmapped: set[CalendarKey] = field(default_factory=set)
    """The calendars that left the configuration and were added to the settings again."""


def reachable_settings(
    settings: Settings, store: Store, scope: CleanupScope, env: Mapping[str, str] = os.environ
) -> ReachableSettings:
    """Add the systems and calendars in this scope that left the settings and have our blocks."""
    known = last_settings(store)
    with_blocks = {(each.provider, each.record.system) for each in owned_blocks(store)}
    reached = ReachableSettings(settings)
    for name, configured in settings.systems.items():
        if (other := _other_account(name, configured, known.get((name, "")))) is not None:
            reached.unreachable["", name] = other
    ctx = read_context_of(settings, env)
    systems: dict[str, SystemSettings] = dict(settings.systems)
    for provider, system in sorted(with_blocks):
        if scope.covers(provider, system) and system not in systems:
            try:
                systems[system] = _last_system(system, known.get((system, "")), ctx)
            except UnreachableSystemError as error:
                reached.unreachable["", system] = Unreachable(error.reason, error.remedy)
    providers = dict(settings.providers)
    for key in sorted(with_blocks):
        _add(key, scope, systems, known, providers, reached)
    reached.zones = {name: p.zone or settings.syncd.zone for name, p in providers.items()}
    reached.settings = replace(settings, systems=systems, providers=providers)
    return reached


def mapping_of(reached: ReachableSettings) -> dict[str, Collection[str]]:
    """Return the systems of each provider, with those that left the configuration."""
    mapping: dict[str, set[str]] = {
        name: set(provider.calendars) - {s for p, s in reached.unreachable if not p}
        for name, provider in reached.settings.providers.items()
    }
    for system, calendars in reached.resource_calendars.items():
        for calendar in calendars:
            mapping.setdefault(calendar, set()).add(system)
    return {name: sorted(systems) for name, systems in mapping.items()}


async def resolve_users(reached: ReachableSettings, accounts: Mapping[str, object]) -> None:
    """Look up the addresses of LeadSquared users whose addresses are stored only as digests.

    The addresses are added to ``reached``. Users that cannot be read are left out.
    """
    providers = dict(reached.settings.providers)
    addresses: dict[str, tuple[str, ...]] = {}
    for provider, system in sorted(reached.unmapped):
        settings, account = providers[provider], accounts.get(system)
        if not isinstance(account, LeadSquared):
            continue
        try:
            if system not in addresses:
                addresses[system] = await account.addresses()
            calendar = with_address(settings.calendars[system], addresses[system])
            reason = f"{system} no longer has the user that was mapped to {provider}"
        except PlatformError as fault:
            calendar, reason = None, cause_and_remedy(fault)[0]
        calendars = {**settings.calendars}
        if calendar is None:
            del calendars[system]
            remedy = "Put the entry back into the configuration, or run this again later."
            reached.unreachable[provider, system] = Unreachable(reason, remedy)
        else:
            calendars[system] = calendar
        providers[provider] = settings.model_copy(update={"calendars": calendars})
    reached.settings = replace(reached.settings, providers=providers)


async def add_resource_calendars(
    reached: ReachableSettings, systems: Mapping[str, BreakerSystem]
) -> None:
    """Register the calendars with resource blocks in the adapters. Raises no PlatformError."""
    for name, calendars in sorted(reached.resource_calendars.items()):
        if name in systems:
            with suppress(PlatformError):
                await LocationRooms(name, systems[name]).block_targets(calendars)


def _add(
    key: CalendarKey,
    scope: CleanupScope,
    systems: Mapping[str, SystemSettings],
    known: Mapping[tuple[str, str], LastSettings],
    providers: dict[str, ProviderSettings],
    reached: ReachableSettings,
) -> None:
    """Map a calendar that has our blocks and is no longer in the configuration."""
    provider, system = key
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
        return  # `CleanupContext.why_unreachable` reports it.
    try:
        calendar = calendar_of(provider, system, systems[system].type, last.settings)
    except UnreachableSystemError as error:
        reached.unreachable[key] = Unreachable(error.reason, error.remedy)
        return
    if (owner := _current_owner(calendar, system, providers)) is not None:
        reached.aliases[key] = owner
        return
    before = mapped or ProviderSettings(kind=last.settings["kind"], zone=last.settings["zone"])
    calendars = {**before.calendars, system: calendar}
    reached.unmapped.add(key)
    providers[provider] = before.model_copy(update={"calendars": calendars})


def _current_owner(
    calendar: CalendarSettings, system: str, providers: Mapping[str, ProviderSettings]
) -> str | None:
    """Return the provider that now has the same user or calendar: it was probably renamed."""
    ids = _calendar_ids(calendar)
    for name, provider in providers.items():
        other = provider.calendars.get(system)
        if other is not None and ids & _calendar_ids(other):
            return name
    return None


def _calendar_ids(calendar: CalendarSettings) -> set[tuple[str, str]]:
    """Return the ids by which events belong to a calendar: its user, else its calendars."""
    fields = calendar.model_dump(exclude_none=True)
    user = fields.get("user")
    if user and "@" in user:
        # Of a user that left the configuration only a digest is known (`config.last_settings`).
        is_digest = user.startswith("address-")
        return {("user", user.partition("@")[0] if is_digest else digest_of(user))}
    if user:
        return {("user", user)}
    ids = [*fields.get("calendars", ()), fields.get("calendar"), fields.get("resource")]
    return {("place", id) for id in ids if id}


def _other_account(
    name: str, system: SystemSettings, last: LastSettings | None
) -> Unreachable | None:
    """Return why a system's blocks in the state cannot be in the configured account, or None."""
    if last is None:
        return None
    now = system_settings_text(system)
    differ = [k for k in ("type", "base_url", "location_id") if now.get(k) != last.settings.get(k)]
    if not differ:
        return None
    key = differ[0]
    return Unreachable(
        f"the state belongs to another installation or account: in it, {name} has "
        f"{key} = {last.settings.get(key)!r}, but in the configuration {now.get(key)!r}",
        "Use --config with the configuration that belongs to this state, or correct the state's "
        "path; if that account no longer exists: "
        f"syncd cleanup --give-up {name}.",
    )


def _last_system(system: str, last: LastSettings | None, ctx: ReadContext) -> SystemSettings:
    """Return a system's last settings. Raises UnreachableSystemError."""
    if last is not None:
        return system_of(system, last.settings, ctx)
    raise UnreachableSystemError(
        f"the last settings of {system} are not stored",
        f"Put [systems.{system}] and its calendars back into the configuration, and run this "
        f"again; if the account is gone for good: syncd cleanup --give-up {system}.",
    )
