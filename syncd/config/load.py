"""Find the configuration file, read it, and report all its problems at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from syncd.config.base import SettingsTable
from syncd.config.environment import read_environment
from syncd.config.fields import is_name
from syncd.config.listen_path import check_listen
from syncd.config.mapping import ProviderCalendars, check_accounts, check_mapping, check_prefer
from syncd.config.overrides import check_rules, override_key
from syncd.config.problems import ConfigError, Finding, Problem, did_you_mean, dotted, join_names
from syncd.config.pydantic_errors import translate
from syncd.config.secrets import ReadContext, Secret
from syncd.config.settings import (
    PLATFORMS,
    CalendarSettings,
    General,
    GuardSettings,
    ProviderSettings,
    RulesSettings,
    Settings,
    SystemSettings,
)
from syncd.config.toml_positions import item_lines, key_lines, line_of

if TYPE_CHECKING:
    from syncd.config.provision import ProvisionSettings

SYSTEM_WIDE = Path("/etc/syncd/syncd.toml")
_MAX_BYTES = 4 * 1024 * 1024
_MAX_DEPTH = 20
_SECTIONS = ("syncd", "systems", "providers", "rules", "guard", "provision")

T = TypeVar("T", bound=SettingsTable)


def find(option: Path | None, env: Mapping[str, str], cwd: Path) -> Path:
    """Return the file to load: ``--config``, $SYNCD_CONFIG, ./syncd.toml or SYSTEM_WIDE.

    The first of these that is set or exists is used. A file named by the option or the variable
    must exist: there is no fallback. Raises ConfigError.
    """
    named = option or (Path(env["SYNCD_CONFIG"]) if env.get("SYNCD_CONFIG") else None)
    if named is not None:
        path = cwd / named.expanduser()
        if _may_exist(path):
            return path
        source = "--config" if option else "$SYNCD_CONFIG"
        raise _unread(path, "the file does not exist", f"Correct {source}.")
    defaults = (cwd / "syncd.toml", SYSTEM_WIDE)
    for path in defaults:
        if _may_exist(path):
            return path
    places = ", ".join(["--config", "$SYNCD_CONFIG", *map(str, defaults)])
    reason = f"no configuration found; places searched: {places}"
    raise _unread(
        None, reason, "Create a configuration with `syncd init`, or name one with --config."
    )


def _may_exist(path: Path) -> bool:
    """Return true if the file exists or cannot be examined: reading it then gives the reason."""
    try:
        return path.is_file()
    except OSError:
        return True


def load(
    path: Path, env: Mapping[str, str], *, secrets: bool = True, mapping: bool = True
) -> Settings:
    """Read the settings. Raises ConfigError with all problems; warnings are in the settings.

    Secrets are read from ``env`` and from files beside the configuration, unless ``secrets`` is
    false, for callers that only read the state. If ``mapping`` is false, the providers are skipped,
    for callers that look at accounts before any provider is mapped.
    """
    text = _text(path)
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        raise _too_deep(path, text) from None
    except ValueError as error:  # TOMLDecodeError, or a number with too many digits
        raise _unread(
            path, f"not valid TOML: {error}", "Fix this line; parsing stopped here."
        ) from None
    if _is_deep(raw):
        raise _too_deep(path, text)
    home = path.parent.absolute()
    variables, env_findings = read_environment(raw, home) if secrets else ({}, [])
    reader = _Reader(raw, ReadContext(home, {**variables, **env}, fetch=secrets), mapping)
    settings = reader.settings(path)
    if settings is not None:
        reader.findings += check_listen(settings)
    # Under systemd the environment file may be readable by root only: without another error it was
    # not needed here, and its findings are warnings.
    failed = any(not finding.warning for finding in reader.findings)
    reader.findings += [replace(f, warning=f.warning or not failed) for f in env_findings]
    lines = key_lines(text)
    problems = sorted(
        (_located(finding, path, lines) for finding in reader.findings),
        key=lambda problem: problem.line or 0,
    )
    errors = [problem for problem in problems if not problem.warning]
    if settings is None or errors:
        raise ConfigError(errors)
    places = {str(at[1]): f"{path.name}:{line}" for at, line in lines.items() if _is_rule(at)}
    for number, line in enumerate(item_lines(text, ("rules", "override"))):
        places[override_key(number)] = f"{path.name}:{line}"
    return replace(settings, warnings=tuple(problems), places=places)


def _is_rule(at: tuple[str | int, ...]) -> bool:
    return len(at) == 2 and at[0] == "rules"  # noqa: PLR2004 - a key of the table [rules]


def _unread(path: Path | None, reason: str, remedy: str) -> ConfigError:
    return ConfigError([Problem(path, "", None, reason, remedy)])


def _too_deep(path: Path, text: str) -> ConfigError:
    """Return the error for too deeply nested values, at the line with the most brackets."""
    lines = text.split("\n")
    line = max(range(len(lines)), key=lambda n: sum(map(lines[n].count, "[{.")))
    reason = f"tables or lists are nested more than {_MAX_DEPTH} levels deep"
    return ConfigError([Problem(path, "", line + 1, reason, "Fix this line.")])


def _is_deep(raw: object) -> bool:
    level: list[Any] = [raw]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _text(path: Path) -> str:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise _unread(
                path,
                f"the file is larger than {_MAX_BYTES} bytes",
                "Check that --config names a configuration file.",
            )
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise _unread(path, "the file is not in UTF-8", "Save the file as UTF-8.") from None
    except OSError as error:
        cause = error.strerror or "unknown"
        raise _unread(
            path,
            f"the file cannot be read ({cause})",
            "Let the user that runs syncd read the file.",
        ) from None


def _located(finding: Finding, path: Path, lines: Mapping[tuple[str | int, ...], int]) -> Problem:
    return Problem(
        path,
        dotted(finding.at),
        line_of(finding.at, lines),
        finding.reason,
        finding.remedy,
        finding.warning,
    )


class _Reader:
    """Turns a parsed document into settings, and collects the problems in ``findings``."""

    def __init__(self, raw: Mapping[str, Any], ctx: ReadContext, mapping: bool) -> None:
        self._raw, self._ctx, self._mapping = raw, ctx, mapping
        self.findings: list[Finding] = []

    def settings(self, path: Path) -> Settings | None:
        """Read all tables; None if `[syncd]`, `[rules]` or `[guard]` is invalid."""
        for key in self._raw:
            if key not in _SECTIONS:
                self._add((key,), "unknown table", did_you_mean(key, _SECTIONS))
        general = self._table(General, self._raw.get("syncd", {}), "syncd")
        rules = self._table(RulesSettings, self._raw.get("rules", {}), "rules")
        guard = self._table(GuardSettings, self._raw.get("guard", {}), "guard")
        systems = self._systems()
        providers, calendars = self._providers() if self._mapping else ({}, {})
        self._check(systems, calendars)
        if rules is not None:
            declared = [name for name, _ in self._items("systems")]
            self.findings += check_rules(rules, calendars, declared)
        provision = self._provision() if "provision" in self._raw else None
        if general is None or rules is None or guard is None:
            return None
        return Settings(
            path=path,
            syncd=general,
            systems=systems,
            providers=providers,
            rules=rules,
            guard=guard,
            provision=provision,
        )

    def _provision(self) -> ProvisionSettings | None:
        from syncd.config.provision import (  # noqa: PLC0415 - a tenth of the time of `status`
            ProvisionSettings,
            check_provision,
        )

        provision = self._table(ProvisionSettings, self._raw["provision"], "provision")
        if provision is not None:
            declared = [name for name, _ in self._items("systems")]
            kinds = {name: kind for name in declared if (kind := self._platform(name))}
            self.findings += check_provision(provision, declared, kinds)
        return provision

    def _check(self, systems: Mapping[str, SystemSettings], calendars: ProviderCalendars) -> None:
        """Check the mapping as a whole, including the names of invalid tables."""
        declared = [name for name, _ in self._items("systems")]
        named = {
            name: list(table_calendars)
            for name, table in self._items("providers")
            if isinstance(table, dict)
            and isinstance(table_calendars := table.get("calendars", {}), dict)
        }
        self.findings += check_prefer(self._prefer(), declared)
        if self._mapping:
            self.findings += check_mapping(declared, named, calendars)
        self.findings += check_accounts(systems)
        self.findings += _secret_warnings(systems)

    def _systems(self) -> dict[str, SystemSettings]:
        systems: dict[str, SystemSettings] = {}
        for name, table in self._tables("systems"):
            kind = self._platform(name)
            if kind is None:
                given = table.get("type")
                reason = "missing" if given is None else "unknown type of system"
                close = did_you_mean(given, PLATFORMS) if isinstance(given, str) else ""
                remedy = (
                    close
                    if close.startswith("Did")
                    else f"Write type = {join_names([*PLATFORMS])}."
                )
                self._add(("systems", name, "type"), reason, remedy)
                continue
            system = self._table(PLATFORMS[kind][0], table, "systems", name)
            if system is not None:
                systems[name] = system
        return systems

    def _providers(self) -> tuple[dict[str, ProviderSettings], ProviderCalendars]:
        """Read the providers, and all valid calendars, also those of an invalid provider."""
        providers: dict[str, ProviderSettings] = {}
        calendars: dict[str, dict[str, CalendarSettings]] = {}
        for name, table in self._tables("providers"):
            calendars[name] = self._calendars(name, table.get("calendars", {}))
            whole = {**table, "calendars": calendars[name]}
            provider = self._table(ProviderSettings, whole, "providers", name)
            if provider is not None:
                providers[name] = provider
        return providers, calendars

    def _calendars(self, provider: str, raw: object) -> dict[str, CalendarSettings]:
        """Read calendars by the type of their system; skip those of an unknown type."""
        calendars: dict[str, CalendarSettings] = {}
        if not isinstance(raw, dict):
            self._not_a_table("providers", provider, "calendars")
            return calendars
        for system, table in raw.items():
            kind = self._platform(system)
            if kind is None:
                continue
            model = PLATFORMS[kind][1]
            calendar = self._table(model, table, "providers", provider, "calendars", system)
            if calendar is not None:
                calendars[system] = calendar
        return calendars

    def _tables(self, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the named tables of a section."""
        tables = self._raw.get(section, {})
        if not isinstance(tables, dict):
            self._not_a_table(section)
            return
        if not tables:
            remedy = f"Add a table [{section}.NAME] for each {section.removesuffix('s')}."
            self._add((section,), f"no {section} are configured", remedy)
        for name, table in tables.items():
            if not is_name(name):
                remedy = "Use lowercase letters, digits, - and _ only."
                self._add((section, name), f'"{name}" is not a valid name', remedy)
            if isinstance(table, dict):
                yield name, table
            else:
                self._not_a_table(section, name)

    def _table(self, model: type[T], raw: object, *at: str) -> T | None:
        try:
            return model.model_validate(raw, context=self._ctx)
        except ValidationError as error:
            self.findings += translate(error, model, at)
            return None

    def _items(self, section: str) -> list[tuple[str, object]]:
        tables = self._raw.get(section, {})
        return list(tables.items()) if isinstance(tables, dict) else []

    def _prefer(self) -> list[str]:
        rules = self._raw.get("rules", {})
        prefer = rules.get("prefer", []) if isinstance(rules, dict) else []
        return (
            [name for name in prefer if isinstance(name, str)] if isinstance(prefer, list) else []
        )

    def _platform(self, system: str) -> str | None:
        """Return the type in a system's table, or None if it is missing or unknown."""
        table = dict(self._items("systems")).get(system)
        kind = table.get("type") if isinstance(table, dict) else None
        return kind if isinstance(kind, str) and kind in PLATFORMS else None

    def _not_a_table(self, *at: str) -> None:
        self._add(at, "not a table", f"Write a table [{dotted(at)}].")

    def _add(self, at: tuple[str, ...], reason: str, remedy: str) -> None:
        self.findings.append(Finding(at, reason, remedy))


def _secret_warnings(systems: Mapping[str, SystemSettings]) -> Iterator[Finding]:
    """Yield a warning for each secret that is stored unsafely."""
    for name, system in systems.items():
        for key in type(system).model_fields:
            secret = getattr(system, key)
            if isinstance(secret, Secret) and secret.warning is not None:
                at = ("systems", name, key)
                yield Finding(at, secret.warning.reason, secret.warning.remedy, warning=True)
