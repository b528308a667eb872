"""Build the adapters of the accounts in a configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import httpx

from syncd.config.load import load
from syncd.config.problems import ConfigError
from syncd.config.secrets import Secret
from syncd.config.settings import (
    CalendarSettings,
    LeadConnectorCalendar,
    LeadConnectorSystem,
    LeadConnectorV1Calendar,
    LeadConnectorV1System,
    LeadSquaredCalendar,
    LeadSquaredSystem,
    Settings,
    SystemSettings,
)
from syncd.engine.tasks.breaker import CredentialRefresh
from syncd.model import Clock, Hours
from syncd.model.all_day import BUSY, AllDay, AllDayRule
from syncd.systems import leadconnector, leadconnector_v1, leadsquared
from syncd.systems.port import System
from syncd.systems.provisioning import Provisioner
from syncd.systems.stopping import Stopping
from syncd.systems.transport import network

Adapter = leadsquared.LeadSquared | leadconnector.LeadConnector | leadconnector_v1.LeadConnectorV1


def build_systems(
    settings: Settings,
    clock: Clock,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
    stopping: Stopping | None = None,
) -> dict[str, System]:
    """Build the adapter of each system that is mapped to at least one provider."""
    adapters: dict[str, System] = {}
    for name, system in settings.systems.items():
        mapped = {
            provider: p.calendars[name]
            for provider, p in settings.providers.items()
            if name in p.calendars
        }
        if mapped:
            transport = (transports or {}).get(name) or network(settings.syncd.ca_file)
            rules = {provider: all_day_rule(settings, provider, name) for provider in mapped}
            adapters[name] = _adapter(name, system, mapped, clock, transport, rules, stopping)
    return adapters


def all_day_rule(settings: Settings, provider: str, system: str) -> AllDayRule:
    """Return the all-day rule of a provider in a system; the most specific policy wins.

    If no working hours are configured, all-day events close the whole day. Working hours without a
    zone are wall time of the location.
    """
    general, own = settings.syncd, settings.providers[provider]
    policy = own.all_day or settings.systems[system].all_day or general.all_day
    spans = general.hours if "hours" in general.model_fields_set else ()
    zone_name = general.zone if "zone" in general.model_fields_set else ""
    hours = Hours(spans if own.hours is None else own.hours, own.zone or zone_name)
    return AllDayRule(policy, hours) if policy is not AllDay.BUSY else BUSY


def secrets_of(system: SystemSettings) -> list[str]:
    """Return the credentials of a system in clear text."""
    return [value.reveal() for _, value in system if isinstance(value, Secret)]


def credential_refresh(
    settings: Settings,
    name: str,
    clock: Clock,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None,
    stopping: Stopping,
) -> CredentialRefresh:
    """Return a function that reads a system's credentials again and builds a new adapter.

    It returns None if the credentials have not changed.
    """
    current = settings.systems[name]

    def refresh() -> tuple[Sequence[str], System] | None:
        nonlocal current
        if settings.path is None:
            return None
        try:
            loaded = load(settings.path, os.environ).systems.get(name)
        except ConfigError:  # the file is probably being edited
            return None
        if loaded is None or loaded.type != current.type:
            return None
        if secrets_of(loaded) == secrets_of(current):
            return None
        # Only the secrets: other changes are applied by a reload of the whole configuration.
        current = current.model_copy(update={k: v for k, v in loaded if isinstance(v, Secret)})
        new = replace(settings, systems={name: current})
        return secrets_of(current), build_systems(new, clock, transports, stopping)[name]

    return refresh


def unmapped_adapters(
    systems: Mapping[str, SystemSettings],
    clock: Clock,
    ca_file: str | None = None,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
) -> dict[str, Adapter]:
    """Build the adapter of each system without any mapping, to list its users and calendars."""
    return {
        name: _adapter(name, system, {}, clock, (transports or {}).get(name) or network(ca_file))
        for name, system in systems.items()
    }


def _adapter(
    name: str,
    system: SystemSettings,
    mapped: Mapping[str, CalendarSettings],
    clock: Clock,
    transport: httpx.AsyncBaseTransport | None,
    all_day: Mapping[str, AllDayRule] = MappingProxyType({}),
    stopping: Stopping | None = None,
) -> Adapter:
    account = _account(system)
    match system:
        case LeadSquaredSystem():
            return leadsquared.LeadSquared(
                name,
                leadsquared.Account(**account),
                {
                    provider: leadsquared.CalendarMapping(c.user)
                    for provider, c in mapped.items()
                    if isinstance(c, LeadSquaredCalendar)
                },
                clock,
                transport=transport,
                stopping=stopping,
            )
        case LeadConnectorSystem():
            return leadconnector.LeadConnector(
                name,
                leadconnector.Account(**account),
                {
                    provider: leadconnector.CalendarMapping(
                        c.user, c.calendars, c.resource, all_day.get(provider, BUSY)
                    )
                    for provider, c in mapped.items()
                    if isinstance(c, LeadConnectorCalendar)
                },
                clock,
                transport=transport,
                stopping=stopping,
            )
        case LeadConnectorV1System():
            return leadconnector_v1.LeadConnectorV1(
                name,
                leadconnector_v1.Account(**account),
                {
                    provider: leadconnector_v1.CalendarMapping(
                        c.calendar, c.user, c.team, all_day.get(provider, BUSY)
                    )
                    for provider, c in mapped.items()
                    if isinstance(c, LeadConnectorV1Calendar)
                },
                clock,
                transport=transport,
                stopping=stopping,
            )


def build_provisioners(
    settings: Settings,
    clock: Clock,
    transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
) -> dict[str, Provisioner]:
    """Build the provisioner of each system, mapped or not."""
    provisioners: dict[str, Provisioner] = {}
    for name, system in settings.systems.items():
        account = _account(system)
        transport = (transports or {}).get(name) or network(settings.syncd.ca_file)
        match system:
            case LeadSquaredSystem():
                provisioners[name] = leadsquared.Provisioner(
                    name, leadsquared.Account(**account), clock, transport=transport
                )
            case LeadConnectorSystem():
                provisioners[name] = leadconnector.Provisioner(
                    name, leadconnector.Account(**account), clock, transport=transport
                )
            case LeadConnectorV1System():
                provisioners[name] = leadconnector_v1.Provisioner(
                    name, leadconnector_v1.Account(**account), clock, transport=transport
                )
    return provisioners


def _account(system: SystemSettings) -> dict[str, Any]:
    """Return the arguments of an adapter's ``Account``."""
    excluded = {"type", "associations", "all_day"}
    return {key: _revealed(value) for key, value in system if key not in excluded}


def _revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


def clock_of(system: SystemSettings) -> str:
    """Return the name of a system's server clock: accounts at one address share it."""
    return f"{system.type} {urlsplit(system.base_url).netloc}"
