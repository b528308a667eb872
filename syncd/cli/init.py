"""`syncd init`: write a configuration from answers given at a terminal or in a file."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from syncd.cli import render, terminal
from syncd.cli.check import examine
from syncd.cli.init_draft import CredentialsToWrite, ExistingConfig, draft_configuration
from syncd.cli.init_file import FileInterview
from syncd.cli.init_prompt import PromptInterview
from syncd.cli.init_protocol import Interview
from syncd.cli.options import ConfigOption, UsageError, give_up_root
from syncd.cli.privileges import become_owner
from syncd.cli.resync_run import preview_resync
from syncd.cli.resync_text import show_plan
from syncd.config.load import load
from syncd.engine.report.run_report import RunExit
from syncd.provision.credentials import (
    CredentialStorage,
    write_atomically,
    write_credential_files,
    write_env_file,
)
from syncd.provision.template import ConfigDraft, extend_config, new_config


def init(
    context: typer.Context,
    *,
    answers: Annotated[
        Path | None,
        typer.Option(
            "--answers", metavar="FILE", help="Take the answers from a TOML file and ask nothing."
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Ask for systems and credentials, propose providers, and write a commented syncd.toml.

    Writes no file before all questions are answered, and nothing to the systems. Then runs `check`
    and a first `resync --dry-run`. If run again, it keeps the configuration and offers only new
    systems and providers. Credentials go to a file with mode 0600, to files for systemd, or stay in
    the environment.

    The file for --answers contains [systems.NAME] as in syncd.toml. Optional top-level keys:
    secrets = "env-file" (the default), "credential" or "names"; accept = ["e-mail"] (the default),
    the kinds of proposals to accept: "e-mail", "name", "phone"; and zone. [providers] has one line
    for each provider to accept (NAME = true), to reject (NAME = false) or to map by hand
    (NAME = { crm = "USER", clinic = "USER" }).

    Exit: 0 no errors; 2 errors, which are printed; 4 the questions were interrupted; otherwise as
    `plan`.
    """
    path = _path(config or context.obj)
    become_owner(path)
    env = _environment(path)
    if answers is None and not sys.stdin.isatty():
        raise UsageError("there is no terminal for the questions", "Run syncd init --answers FILE.")
    interview: Interview = FileInterview(answers, env) if answers else PromptInterview()
    existing = _read_existing(path, env)
    try:
        draft, credentials = draft_configuration(existing, interview)
    except typer.Abort:
        terminal.warn("stopped: nothing was written")
        raise typer.Exit(RunExit.UNANSWERED.code) from None
    _write(existing, draft, credentials)
    raise typer.Exit(_check_and_preview(path))


def _path(option: Path | None) -> Path:
    """Return the file to write: where other commands look first; it need not exist."""
    named = option or (Path(p) if (p := os.environ.get("SYNCD_CONFIG")) else Path("syncd.toml"))
    path = Path.cwd() / named.expanduser()
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", "Create it, or name another file.")
    return path


def _environment(path: Path) -> dict[str, str]:
    """Return the environment; credentials for systemd are also read from ``secrets/``."""
    env = dict(os.environ)
    folder = path.parent / "secrets"
    if folder.is_dir():
        env.setdefault("CREDENTIALS_DIRECTORY", str(folder))
    return env


def _read_existing(path: Path, env: Mapping[str, str]) -> ExistingConfig:
    """Read the configuration to extend, if there is one. Raises ConfigError if it has errors."""
    if not path.exists():
        return ExistingConfig(path)
    settings = load(path, env, mapping=False)
    text = path.read_text(encoding="utf-8-sig")
    raw: dict[str, Any] = tomllib.loads(text)
    if raw.get("providers"):
        settings = load(path, env)
    general = settings.syncd
    return ExistingConfig(
        path, text, settings.systems, settings.providers, general.env_file, _raw_zone(raw)
    )


def _raw_zone(raw: Mapping[str, Any]) -> str | None:
    """Return the time zone in the file, or None if the default applies."""
    zone = raw.get("syncd", {}).get("zone")
    return zone if isinstance(zone, str) else None


# --- writing the files, checking them ----------------------------------------------------------


def _write(existing: ExistingConfig, draft: ConfigDraft, credentials: CredentialsToWrite) -> None:
    """Write the credentials, then the configuration that refers to them, each file atomically."""
    path = existing.path
    text = new_config(draft) if existing.text is None else extend_config(existing.text, draft)
    terminal.say()
    if text == existing.text:
        terminal.say(f"nothing to add: {path.name} is unchanged")
        return
    try:
        _write_credentials(path.parent, credentials)
        _validate(path, text, mapped=bool(existing.providers or draft.providers))
        write_atomically(path, text)
    except OSError as error:
        where = error.filename or path
        reason = f"{where} cannot be written: {error.strerror}"
        raise UsageError(
            reason, "No existing file is lost. Fix the cause and run syncd init again."
        ) from None
    providers = render.count(len(draft.providers), "provider")
    systems = render.count(len(draft.systems), "system")
    verb = "written" if existing.text is None else "added to"
    terminal.say(f"{verb}: {path.name}, with {systems} and {providers}")


def _validate(path: Path, text: str, *, mapped: bool) -> None:
    """Load the text before it replaces the configuration. Raises ConfigError."""
    candidate = path.with_name(f".{path.name}.new")
    write_atomically(candidate, text, 0o600)
    try:
        load(candidate, _environment(path), mapping=mapped)
    finally:
        candidate.unlink()


def _write_credentials(folder: Path, credentials: CredentialsToWrite) -> None:
    if not credentials.values:
        return
    place = folder / Path(credentials.place).expanduser()
    if credentials.way is CredentialStorage.ENV_FILE:
        write_env_file(place, credentials.values)
        terminal.say(f"written: {credentials.place}, mode 0600, with the credentials")
        return
    write_credential_files(place, credentials.values)
    number = render.count(len(credentials.values), "credential")
    terminal.say(f"written: {number} in {place}, mode 0600")
    terminal.say("Add these lines to the unit's [Service] (systemctl edit syncd):")
    for name in credentials.values:
        terminal.say(f"  LoadCredential={name}:{place / name}")
    terminal.say(f"Without systemd: CREDENTIALS_DIRECTORY={place} syncd …")


def _check_and_preview(path: Path) -> int:
    """Run `check` and a first dry run with the new configuration; return the exit code."""
    settings = load(path, _environment(path))
    give_up_root(settings)  # all files are written; the state comes next
    terminal.say()
    terminal.say("syncd check", style="bold")
    code = examine(settings)
    if code:
        return code
    terminal.say()
    terminal.say("syncd resync --dry-run", style="bold")
    report = preview_resync(settings, None, None)
    show_plan(settings, report)
    terminal.say()
    terminal.say("To see all rows of this plan: `syncd plan --all`.")
    terminal.say("Next: `syncd resync` shows this plan again, asks, and carries it out once.")
    return int(report.exit.code)
