"""Command-line options that several commands share, and how their values are parsed."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncd.config.settings import Settings
    from syncd.model import Window

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration file. Default: $SYNCD_CONFIG, ./syncd.toml, /etc/syncd/syncd.toml.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object; keys are stable.")]
ProviderOption = Annotated[
    str | None,
    typer.Option(
        "--provider", "-p", metavar="NAME", help="Only this provider (a human, room or equipment)."
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="DAY", help="First day (2026-11-23), or a time with offset."),
]
ToOption = Annotated[
    str | None, typer.Option("--to", metavar="DAY", help="Last day, or a time with offset.")
]
AcceptOption = Annotated[
    str | None,
    typer.Option(
        "--accept",
        metavar="RUN",
        help="Accept exactly the changes that this run listed as stopped by the guard.",
    ),
]
AllOption = Annotated[
    bool, typer.Option("--all", help="List all rows of the plan, not only the first 20.")
]


class InterruptedByUserError(Exception):
    """The user interrupted a command that the daemon continues to run. Exit code 4."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Keep how far the command got, and what happens to the work that is left."""
        super().__init__(f"{reason}. {remedy}")
        self.reason, self.remedy = reason, remedy


class UsageError(Exception):
    """The arguments of a command are wrong; the program ends with exit code 2."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Keep what is wrong, and what to write instead."""
        super().__init__(f"{reason}. {remedy}")
        self.reason, self.remedy = reason, remedy


def read_settings(
    context: typer.Context, option: Path | None, *, secrets: bool = True, mapping: bool = True
) -> Settings:
    """Load the configuration for a command that never opens the state; others use `settings_of`.

    ``option`` is --config after the command; without it, --config before the command and then the
    default places are used. ``secrets`` and ``mapping`` say whether credentials and the mapping of
    providers are needed. Raises ConfigError.
    """
    from syncd.cli.privileges import become_owner  # noqa: PLC0415 - not needed for --help
    from syncd.config.load import find, load  # noqa: PLC0415

    path = find(option or context.obj, os.environ, Path.cwd())
    become_owner(path)  # whoever can replace the file also chooses the files and hosts it names
    return load(path, os.environ, secrets=secrets, mapping=mapping)


def settings_of(context: typer.Context, option: Path | None, *, secrets: bool = True) -> Settings:
    """Load the configuration for a command that opens the state next.

    If this process is root, it becomes the user that owns the state here, so files that only root
    may read must be read before. Commands that contact no system pass ``secrets=False``, so that
    they also work without credentials. Raises ConfigError, StateError.
    """
    settings = read_settings(context, option, secrets=secrets)
    give_up_root(settings)
    return settings


def settings_in_two(
    context: typer.Context, option: Path | None
) -> tuple[Settings, Callable[[], Settings]]:
    """Load the configuration without secrets, and return a function that loads it with them.

    For commands that need no secrets if the daemon does the work. If this process is root and will
    become another user, the secrets are read before that; an error in them is raised only when the
    function is called. Raises ConfigError, StateError.
    """
    from syncd.cli.privileges import file_owner  # noqa: PLC0415 - not needed for --help
    from syncd.config.problems import ConfigError  # noqa: PLC0415

    settings = read_settings(context, option, secrets=False)
    if file_owner(settings.syncd.state_path.parent) is None:
        return settings, lambda: read_settings(context, option)
    complete: Settings | ConfigError
    try:
        complete = read_settings(context, option)
    except ConfigError as error:
        complete = error
    give_up_root(settings)

    def full() -> Settings:
        if isinstance(complete, ConfigError):
            raise complete
        return complete

    return settings, full


def give_up_root(settings: Settings) -> None:
    """Become the owner of the state, if this process is root and the owner is another user."""
    from syncd.cli.privileges import become_owner  # noqa: PLC0415 - not needed for --help

    ca_file = settings.syncd.ca_file
    become_owner(settings.syncd.state_path.parent, *([] if ca_file is None else [Path(ca_file)]))


def chosen_providers(settings: Settings, provider: str | None) -> list[str] | None:
    """Return the providers that a command is for; None for all. Raises UsageError if unknown."""
    if provider is None:
        return None
    if provider not in settings.providers:
        known = ", ".join(sorted(settings.providers))
        raise UsageError(
            f"there is no provider {provider[:100]!r}", f"The configuration has: {known}."
        )
    return [provider]


def zone_of(settings: Settings, provider: str | None) -> ZoneInfo:
    """Return the time zone in which the times of a provider are shown.

    For None, return the configuration's time zone.
    """
    if provider is not None and provider in settings.providers:
        own = settings.providers[provider].zone
        if own is not None:
            return ZoneInfo(own)
    return ZoneInfo(settings.syncd.zone)


def parse_window(settings: Settings, start: str | None, end: str | None) -> Window | None:
    """Parse --from and --to as a window of whole days in the configuration's time zone.

    Return None if neither is given. A missing start or end is taken from the configured window.
    Raises UsageError.
    """
    from syncd.model import Window  # noqa: PLC0415 - not needed for --help
    from syncd.model.request_limits import window_error  # noqa: PLC0415

    if start is None and end is None:
        return None
    now = datetime.now(UTC)
    window = settings.syncd.window
    zone = settings.syncd.zone
    try:
        first = parse_time_option("--from", start, zone, last=False) if start else now - window.past
        last = parse_time_option("--to", end, zone, last=True) if end else now + window.future
    except OverflowError:
        raise UsageError(
            "--from or --to is outside the years 1 to 9999", "Use nearer days."
        ) from None
    if last <= first:
        raise UsageError("--to is not after --from", "Use the earlier day for --from.")
    chosen = Window(first, last)
    if error := window_error(chosen, now):
        raise UsageError(error, "Use nearer days for --from and --to.")
    return chosen


def parse_time_option(option: str, text: str, zone: str, *, last: bool) -> datetime:
    """Parse the value of an option, a day or a time in the time zone ``zone``; return it as UTC.

    A day means its start or, with ``last``, its end. ``option`` names the option in errors. Raises
    UsageError.
    """
    from dateutil import parser  # noqa: PLC0415 - not needed for --help

    from syncd.model import resolve_wall_time, utc  # noqa: PLC0415

    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        wall = datetime.combine(day, time.max if last else time.min).replace(microsecond=0)
        return resolve_wall_time(wall, zone).instant
    try:
        moment = parser.isoparse(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is not a valid day", "Write 2026-11-23, or 2026-11-23T14:00+01:00."
        ) from None
    if moment.tzinfo is None:
        return resolve_wall_time(moment, zone).instant
    return utc(moment)
