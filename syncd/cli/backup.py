"""`syncd backup`, `restore` and `migrate`: the state in one file, back, and brought up to date."""

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
from syncd.store.backup import create_backup as copy_out
from syncd.store.backup import restore_backup as copy_in
from syncd.store.backup import serialize_backup
from syncd.store.files import state_exists
from syncd.store.state_summary import StateSummary, summarise_state
from syncd.store.version import newest_schema

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]


def backup(
    context: typer.Context,
    file: FileArgument,
    *,
    force: bool = typer.Option(False, "--force", help="Replace FILE if it is there."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Copy the state to FILE, consistent also while the daemon runs. FILE gets mode 0600.

    Exit: 0 FILE is whole and was checked, 1 it was not made.
    """
    state = read_settings(context, config, secrets=False).syncd.state_path
    size = _copy_out(state, file, overwrite=force)
    if as_json:
        terminal.print_json({"state": str(state), "file": str(file.absolute()), "bytes": size})
        return
    terminal.say(f"{state} was copied to {file}: {size / 1024:.0f} KiB, whole and checked")


def _copy_out(state: Path, file: Path, *, overwrite: bool) -> int:
    """Make the backup; as root, the file as root's and the copy as the owner of the state."""
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
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask first."),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Put FILE, made by `syncd backup`, in the place of the state. Stop the daemon before.

    FILE is looked at first. On a terminal the age, version and number of bookings of both are shown
    and a yes is asked for; without one, and with --json, it needs --yes. The present state is kept
    beside it. Nothing is written to any system: the next cycle reads everything anew and removes
    nothing, `syncd plan` shows what it would do, and only the one after it frees time. Exit: 0
    done, 1 FILE is damaged or no state, 4 a person said no, 6 another syncd is at work.
    """
    consent.expect_consent("a restore replaces the state", yes=yes, as_json=as_json, look="")
    state = read_settings(context, config, secrets=False).syncd.state_path
    opened = None if file_owner(state.parent) is None else open_input(file)
    become_owner(state.parent)
    with StateLock(state, role="restore"):
        if not yes:
            # A file that cannot be restored is refused here, before anybody is asked.
            held = summarise_state(file, opened=opened)
            consent.ask_consent(
                f"Put {file} in the place of {state}?",
                lambda: _show_both(file, held, state),
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
    terminal.say(f"{state} now holds what {file} held: {render.count(done.bookings, 'booking')}")
    if done.dropped:
        terminal.say(
            f"{render.count(done.dropped, 'write')} without an answer will be planned anew, by "
            "what the systems show"
        )
    if done.aside is not None:
        terminal.say(f"the state before lies in {done.aside}")
    terminal.say(
        "Next: `syncd plan` shows what a resync would write. The first cycle reads everything anew "
        "and removes nothing."
    )


def _show_both(file: Path, held: StateSummary, state: Path) -> None:
    """Print what is in the backup and in the state that it would replace."""
    now = datetime.now(UTC)
    rows = [("backup", str(file), *_inside(held, now))]
    present: StateSummary | None = None
    if not state_exists(state):
        rows.append(("state", str(state), "-", "-", "there is none yet"))
    else:
        try:
            present = summarise_state(state)
        except StateError as error:
            rows.append(("state", str(state), "-", "-", error.reason))
        else:
            rows.append(("state", str(state), *_inside(present, now)))
    terminal.table("", ("", "file", "bookings", "schema", "last used"), rows)
    if present is None:
        return
    if 0 not in {held.installation, present.installation} and (
        held.installation != present.installation
    ):
        terminal.warn(
            "The backup is of another installation: it knows other events, and does not know which "
            "blocks the present state made."
        )
    if held.used_at is None or present.used_at is None:
        return
    if held.used_at < present.used_at:
        age = render.duration(present.used_at - held.used_at)
        terminal.say(f"The backup is {age} older than the state: what syncd learned since is lost.")
    elif held.used_at > present.used_at:
        terminal.say("The backup is newer than the state.")


def _inside(held: StateSummary, now: datetime) -> tuple[str, str, str]:
    used = "never" if held.used_at is None else render.ago(held.used_at, now)
    version = held.version if held.version == newest_schema() else f"{held.version} (older)"
    return str(held.bookings), version, used


def migrate(context: typer.Context, *, config: ConfigOption = None) -> None:
    """Bring the state up to this version, all of it or nothing; `run` and `resync` do so, too.

    Writes to no system. Exit: 0 it is up to date, 1 it cannot be (and is as it was), 6 another
    syncd is at work.
    """
    state = settings_of(context, config, secrets=False).syncd.state_path
    with StateLock(state, role="migrate"):
        Store.open(state).close()
    terminal.say(f"{state} is up to date")
