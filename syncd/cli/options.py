"""Options that several commands share, and what their texts mean."""

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
        help="The configuration. Default: $SYNCD_CONFIG, ./syncd.toml, /etc/syncd/syncd.toml.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object; keys are stable.")]
ProviderOption = Annotated[
    str | None,
    typer.Option("--provider", "-p", metavar="NAME", help="Only this person, room or equipment."),
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="DAY", help="First day (2026-11-23), or instant with offset."),
]
ToOption = Annotated[
    str | None, typer.Option("--to", metavar="DAY", help="Last day, or instant with offset.")
]
AcceptOption = Annotated[
    str | None,
    typer.Option(
        "--accept",
        metavar="RUN",
        help="Let pass the changes that this run listed as stopped by the guard, and no others.",
    ),
]
AllOption = Annotated[
    bool, typer.Option("--all", help="List all rows of the plan, not only the first 20.")
]


class InterruptedByUserError(Exception):
    """A person ended a command that somebody else carries out; carries what comes of it. Exit 4."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Say how far it was, and what happens to the rest."""
        super().__init__(f"{reason}. {remedy}")
        self.reason, self.remedy = reason, remedy


class UsageError(Exception):
    """What was asked for makes no sense; carries the remedy. Exit 2."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Say what is wrong, and what to write instead."""
        super().__init__(f"{reason}. {remedy}")
        self.reason, self.remedy = reason, remedy


def read_settings(
    context: typer.Context, own: Path | None, *, secrets: bool = True, mapping: bool = True
) -> Settings:
    """Load the configuration named after the command, or before it, or at the usual places.

    For commands that never touch the state; all others take `settings_of`. What looks at accounts
    only does without the ``mapping``. Raises ConfigError.
    """
    from syncd.cli.privileges import become_owner  # noqa: PLC0415 - no help needs them
    from syncd.config.load import find, load  # noqa: PLC0415

    path = find(own or context.obj, os.environ, Path.cwd())
    become_owner(path)  # who can replace it names the files that are opened, and the hosts
    return load(path, os.environ, secrets=secrets, mapping=mapping)


def settings_of(context: typer.Context, own: Path | None, *, secrets: bool = True) -> Settings:
    """Load the configuration of a command that goes on to the state.

    Root becomes the owner of the state here, if that is another user: what root alone may read has
    to be read before. Commands that speak to no system do without secrets, so that they work
    wherever the state can be read. Raises ConfigError, StateError.
    """
    settings = read_settings(context, own, secrets=secrets)
    give_up_root(settings)
    return settings


def settings_in_two(
    context: typer.Context, own: Path | None
) -> tuple[Settings, Callable[[], Settings]]:
    """Load the configuration without secrets, and return what gives it with them.

    For a command that needs none if the daemon does the work. They are read when they are asked
    for; but if root is to be given up, before that, and what is wrong with them is told when they
    are asked for. Raises ConfigError, StateError.
    """
    from syncd.cli.privileges import file_owner  # noqa: PLC0415 - no help needs it
    from syncd.config.problems import ConfigError  # noqa: PLC0415

    settings = read_settings(context, own, secrets=False)
    if file_owner(settings.syncd.state_path.parent) is None:
        return settings, lambda: read_settings(context, own)
    found: Settings | ConfigError
    try:
        found = read_settings(context, own)
    except ConfigError as error:
        found = error
    give_up_root(settings)

    def full() -> Settings:
        if isinstance(found, ConfigError):
            raise found
        return found

    return settings, full


def give_up_root(settings: Settings) -> None:
    """Become the user that the state belongs to, if this is root and the user another one."""
    from syncd.cli.privileges import become_owner  # noqa: PLC0415 - no help needs it

    ca_file = settings.syncd.ca_file
    become_owner(settings.syncd.state_path.parent, *([] if ca_file is None else [Path(ca_file)]))


def chosen(settings: Settings, provider: str | None) -> list[str] | None:
    """The providers that were asked for; None for all. Raises UsageError for an unknown one."""
    if provider is None:
        return None
    if provider not in settings.providers:
        known = ", ".join(sorted(settings.providers))
        raise UsageError(
            f"there is no provider {provider[:100]!r}", f"The configuration has: {known}."
        )
    return [provider]


def zone_of(settings: Settings, provider: str | None) -> ZoneInfo:
    """The zone in which a provider's times are shown."""
    if provider is not None and provider in settings.providers:
        own = settings.providers[provider].zone
        if own is not None:
            return ZoneInfo(own)
    return ZoneInfo(settings.syncd.zone)


def span(settings: Settings, start: str | None, end: str | None) -> Window | None:
    """The window from the first to the last day, in the configuration's zone.

    None when neither is given; what is missing comes from the configured window. Raises UsageError.
    """
    from syncd.model import Window  # noqa: PLC0415 - no help needs it
    from syncd.model.request_limits import window_error  # noqa: PLC0415

    if start is None and end is None:
        return None
    now = datetime.now(UTC)
    window = settings.syncd.window
    where = settings.syncd.zone
    try:
        first = instant("--from", start, where, last=False) if start else now - window.past
        last = instant("--to", end, where, last=True) if end else now + window.future
    except OverflowError:
        raise UsageError(
            "--from and --to are outside of the years 1 to 9999", "Name nearer days."
        ) from None
    if last <= first:
        raise UsageError("--to is not after --from", "Name the earlier day with --from.")
    asked = Window(first, last)
    if fault := window_error(asked, now):
        raise UsageError(fault, "Name nearer days with --from and --to.")
    return asked


def instant(option: str, text: str, where: str, *, last: bool) -> datetime:
    """Read a day (its begin, or its end) or an instant. Raises UsageError."""
    from dateutil import parser  # noqa: PLC0415 - no help needs them

    from syncd.model import resolve_wall_time, utc  # noqa: PLC0415

    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        wall = datetime.combine(day, time.max if last else time.min).replace(microsecond=0)
        return resolve_wall_time(wall, where).instant
    try:
        found = parser.isoparse(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is no day", "Write 2026-11-23, or 2026-11-23T14:00+01:00."
        ) from None
    if found.tzinfo is None:
        return resolve_wall_time(found, where).instant
    return utc(found)
