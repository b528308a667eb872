"""`syncd init`: from nothing to a working configuration, by questions or by a file of answers."""

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
from syncd.cli.init_draft import Before, Kept, draft_configuration
from syncd.cli.init_file import Answers
from syncd.cli.init_prompt import PromptInterview
from syncd.cli.init_protocol import Interview
from syncd.cli.options import ConfigOption, UsageError, give_up_root
from syncd.cli.privileges import become_owner
from syncd.cli.resync_run import preview_resync
from syncd.cli.resync_text import show_plan
from syncd.config.load import load
from syncd.engine.report import RunExit
from syncd.provision.credentials import Way, keep_as_credentials, keep_in_file, write_whole
from syncd.provision.template import Draft, extended, fresh


def init(
    context: typer.Context,
    *,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="FILE", help="Ask nobody: a TOML file has the answers."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Ask for systems and credentials, propose who is who, and write a commented syncd.toml.

    Nothing is written before all questions are answered, and nothing at all to the systems. Then
    `check` and a first `resync --dry-run` follow. Run again, it keeps what is there and offers what
    is new. Credentials go to a file with mode 0600, to files for systemd, or stay in the
    environment.

    The file for --answers holds [systems.NAME] as in syncd.toml, and on top, if they differ:
    secrets = "env-file" (or "credential", "names"), accept = ["e-mail"] (or "name", "phone": which
    proposals are right without a person), zone; and under [providers] a line for each that is
    wanted (NAME = true), not wanted (NAME = false) or mapped by hand
    (NAME = { crm = "USER", clinic = "USER" }).

    Exit: 0 all well, 2 something is wrong and told, else as `plan`, which it ends with; 4 also
    where a person ended the questions.
    """
    path = _path(config or context.obj)
    become_owner(path)
    env = _environment(path)
    if answers is None and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", "Say syncd init --answers FILE.")
    interview: Interview = Answers(answers, env) if answers else PromptInterview()
    before = _before(path, env)
    try:
        draft, kept = draft_configuration(before, interview)
    except typer.Abort:
        terminal.warn("stopped: nothing was written")
        raise typer.Exit(RunExit.UNANSWERED.code) from None
    _write(before, draft, kept)
    raise typer.Exit(_try(path))


def _path(asked: Path | None) -> Path:
    """The file to write: as commands find it, but it need not be there."""
    named = asked or (Path(p) if (p := os.environ.get("SYNCD_CONFIG")) else Path("syncd.toml"))
    path = Path.cwd() / named.expanduser()
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", "Make it, or name another file.")
    return path


def _environment(path: Path) -> dict[str, str]:
    """The environment; credentials for systemd are found beside the configuration, too."""
    env = dict(os.environ)
    folder = path.parent / "secrets"
    if folder.is_dir():
        env.setdefault("CREDENTIALS_DIRECTORY", str(folder))
    return env


def _before(path: Path, env: Mapping[str, str]) -> Before:
    """Read what is there. Raises ConfigError: nothing is added to what is wrong."""
    if not path.exists():
        return Before(path)
    settings = load(path, env, mapping=False)
    text = path.read_text(encoding="utf-8-sig")
    raw: dict[str, Any] = tomllib.loads(text)
    if raw.get("providers"):
        settings = load(path, env)
    general = settings.syncd
    return Before(
        path, text, settings.systems, settings.providers, general.env_file, _raw_zone(raw)
    )


def _raw_zone(raw: Mapping[str, Any]) -> str | None:
    """The zone that the file states, None where it is left to the default."""
    zone = raw.get("syncd", {}).get("zone")
    return zone if isinstance(zone, str) else None


# --- writing, and trying what was written -------------------------------------------------------


def _write(before: Before, draft: Draft, kept: Kept) -> None:
    """Write the secrets, then the configuration that names them, each whole or not at all."""
    path = before.path
    text = fresh(draft) if before.text is None else extended(before.text, draft)
    terminal.say()
    if text == before.text:
        terminal.say(f"nothing to add: {path.name} stays as it is")
        return
    try:
        _keep(path.parent, kept)
        _refuse_misfit(path, text, mapped=bool(before.providers or draft.providers))
        write_whole(path, text)
    except OSError as error:
        where = error.filename or path
        reason = f"{where} cannot be written: {error.strerror}"
        raise UsageError(
            reason, "Nothing that was there is lost; mend that and run it again."
        ) from None
    people = render.count(len(draft.providers), "provider")
    systems = render.count(len(draft.systems), "system")
    verb = "written" if before.text is None else "added to"
    terminal.say(f"{verb}: {path.name}, with {systems} and {people}")


def _refuse_misfit(path: Path, text: str, *, mapped: bool) -> None:
    """Load the text before it takes the place of the configuration. Raises ConfigError."""
    candidate = path.with_name(f".{path.name}.new")
    write_whole(candidate, text, 0o600)
    try:
        load(candidate, _environment(path), mapping=mapped)
    finally:
        candidate.unlink()


def _keep(home: Path, kept: Kept) -> None:
    if not kept.values:
        return
    place = home / Path(kept.place).expanduser()
    if kept.way is Way.ENV_FILE:
        keep_in_file(place, kept.values)
        terminal.say(f"written: {kept.place}, mode 0600, with the credentials")
        return
    keep_as_credentials(place, kept.values)
    terminal.say(f"written: {render.count(len(kept.values), 'credential')} in {place}, mode 0600")
    terminal.say("Add these lines to the unit's [Service] (systemctl edit syncd):")
    for name in kept.values:
        terminal.say(f"  LoadCredential={name}:{place / name}")
    terminal.say(f"Without systemd: CREDENTIALS_DIRECTORY={place} syncd …")


def _try(path: Path) -> int:
    """Look at what was written: `check`, then a first dry run. Returns the exit code."""
    settings = load(path, _environment(path))
    give_up_root(settings)  # all is written, and the state comes next
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
    terminal.say("All rows of this plan: `syncd plan --all`.")
    terminal.say("Next: `syncd resync` shows this plan again, asks, and does it once.")
    return int(report.exit.code)
