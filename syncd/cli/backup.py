"""`syncd backup`, `restore` and `migrate`: save, replace and upgrade the state."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli import consent, render, terminal
from syncd.cli.options import ConfigOption, JsonOption, read_settings, settings_of
from syncd.cli.privileges import become_owner, belongs_to, file_owner, new_file, open_input, run_as
from syncd.daemon.lock import StateLock
from syncd.store import StateError, Store
from syncd.store.backup.backup import create_backup as copy_out
from syncd.store.backup.backup import restore_backup as copy_in
from syncd.store.backup.backup import serialize_backup
from syncd.store.database.files import state_exists
from syncd.store.database.version import newest_schema
from syncd.store.queries.state_summary import StateSummary, summarise_state

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]


def backup(
    context: typer.Context,
    file: FileArgument,
    *,
    force: bool = typer.Option(False, "--force", help="Replace FILE if it exists."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Copy the state to FILE; safe while the daemon runs. FILE gets mode 0600.

    Exit: 0 FILE is complete and was checked, 1 no file was made.
    """
    state = read_settings(context, config, secrets=False).syncd.state_path
    size = _copy_out(state, file, overwrite=force)
    if as_json:
        terminal.print_json({"state": str(state), "file": str(file.absolute()), "bytes": size})
        return
    terminal.say(f"{state} was copied to {file}: {size / 1024:.0f} KiB, complete and checked")


def _copy_out(state: Path, file: Path, *, overwrite: bool) -> int:
    """Make the backup and return its size in bytes.

    As root, read the state as its owner, but create the file as root if only root may write there.
    """
    if os.geteuid() != 0:
        return copy_out(state, file, overwrite=overwrite)
    owner = file_owner(state.parent)
    if belongs_to(file, owner):
        become_owner(state.parent)
        return copy_out(state, file, overwrite=overwrite)
    with new_file(file, overwrite=overwrite) as handle:
        code = run_as(owner, state.parent, lambda: _write(handle, serialize_backup(state)))
        if code:
            raise typer.Exit(code if code > 0 else 1)
        return os.fstat(handle).st_size


def _write(handle: int, content: bytes) -> None:
    with os.fdopen(handle, "wb", closefd=False) as file:
        file.write(content)


def restore(
    context: typer.Context,
    file: FileArgument,
    *,
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask before replacing the state."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Replace the state with FILE, made by `syncd backup`. Stop the daemon first.

    FILE is checked first. On a terminal, the age, version and number of bookings of FILE and of the
    state are shown before the question; without a terminal, and with --json, --yes is required. The
    current state is kept beside the new one. Nothing is written to any system. The next cycle reads
    everything again and removes nothing; `syncd plan` shows its writes. Only the cycle after that
    may free time. Exit: 0 done, 1 FILE is damaged or not a state, 4 the operator answered no, 6
    another syncd is running.
    """
    consent.expect_consent("a restore replaces the state", yes=yes, as_json=as_json, preview="")
    state = read_settings(context, config, secrets=False).syncd.state_path
    opened = None if file_owner(state.parent) is None else open_input(file)
    become_owner(state.parent)
    with StateLock(state, role="restore"):
        if not yes:
            # Raises if the file cannot be restored, before the question is asked.
            summary = summarise_state(file, opened=opened)
            consent.ask_consent(
                f"Replace {state} with {file}?",
                lambda: _print_comparison(file, summary, state),
                yes=False,
            )
        done = copy_in(file, state, datetime.now(UTC), opened=opened)
    if as_json:
        terminal.print_json(
            {
                "state": str(state),
                "bookings": done.bookings,
                "dropped": done.dropped,
                "kept": None if done.aside is None else str(done.aside),
            }
        )
        return
    terminal.say(f"{state} was restored from {file}: {render.count(done.bookings, 'booking')}")
    if done.dropped:
        terminal.say(
            f"{render.count(done.dropped, 'write')} with an unknown outcome dropped: the next "
            "cycle reads the systems and decides again"
        )
    if done.aside is not None:
        terminal.say(f"the previous state was kept as {done.aside}")
    terminal.say(
        "Next: `syncd plan` shows what a resync would write. The first cycle reads everything "
        "again and removes nothing."
    )


def _print_comparison(file: Path, backup: StateSummary, state: Path) -> None:
    """Print summaries of the backup and of the state that it would replace."""
    now = datetime.now(UTC)
    rows = [("backup", str(file), *_cells(backup, now))]
    current: StateSummary | None = None
    if not state_exists(state):
        rows.append(("state", str(state), "-", "-", "does not exist yet"))
    else:
        try:
            current = summarise_state(state)
        except StateError as error:
            rows.append(("state", str(state), "-", "-", error.reason))
        else:
            rows.append(("state", str(state), *_cells(current, now)))
    terminal.table("", ("", "file", "bookings", "schema", "last used"), rows)
    if current is None:
        return
    if 0 not in {backup.installation, current.installation} and (
        backup.installation != current.installation
    ):
        terminal.warn(
            "The backup is from another installation of syncd. It lists other events, and not the "
            "blocks that this installation made."
        )
    if backup.used_at is None or current.used_at is None:
        return
    if backup.used_at < current.used_at:
        age = render.duration(current.used_at - backup.used_at)
        terminal.say(
            f"The backup is {age} older than the state: a restore loses everything that syncd "
            "stored since then."
        )
    elif backup.used_at > current.used_at:
        terminal.say("The backup is newer than the state.")


def _cells(summary: StateSummary, now: datetime) -> tuple[str, str, str]:
    used = "never" if summary.used_at is None else render.ago(summary.used_at, now)
    current = summary.version == newest_schema()
    version = summary.version if current else f"{summary.version} (older)"
    return str(summary.bookings), version, used


def migrate(context: typer.Context, *, config: ConfigOption = None) -> None:
    """Upgrade the state to this version in one transaction; `run` and `resync` also do this.

    Writes to no system. Exit: 0 the state is up to date, 1 it cannot be upgraded and is unchanged,
    6 another syncd is running.
    """
    state = settings_of(context, config, secrets=False).syncd.state_path
    with StateLock(state, role="migrate"):
        Store.open(state).close()
    terminal.say(f"{state} is up to date")
