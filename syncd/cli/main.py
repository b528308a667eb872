"""The program `syncd`: its commands, and the one place where errors become words and exit codes.

A command's module is imported when the command is called: `syncd --help` is there at once.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from syncd.cli.lazy import LazyCommand
from syncd.cli.options import ConfigOption

_PANELS = {
    "Set up": {
        "init": "Ask for systems and credentials, propose providers, and write a commented "
        "syncd.toml.",
        "discover": "Show what each system has: users, calendars, groups, rooms, equipment, "
        "appointment types.",
        "provision": "Make rooms, equipment, associations, teams and services that "
        "[[provision.…]] states.",
    },
    "Work": {
        "run": "Keep all systems in step until SIGTERM or Ctrl-C: what the systemd service runs.",
        "resync": "Bring all systems into step once: read, decide, write, until nothing is left to "
        "do.",
        "probe": "Measure the facts about the platforms that only a live account can tell.",
        "pausing:pause": "Write nothing to a system, or for a provider, until `syncd unpause`.",
        "pausing:unpause": "End a pause: what is wanted by now is planned anew, shown, and asked "
        "about.",
        "undo": "Put back what a run wrote, for each booking that nobody has touched since.",
    },
    "Get out": {
        "cleanup": "Remove the blocks that syncd made, for a provider, a system or all; then "
        "verify the removal.",
    },
    "Look": {
        "resync:plan": "Show what a resync would write now, operation by operation.",
        "check": "Check configuration, credentials, rights, mapping, clocks and the calls that "
        "polling needs.",
        "inspect:status": "Show the state of each system, the last reads, pending writes and open "
        "conflicts.",
        "inspect:bookings": "List the active bookings, with the event of each booking in each "
        "system.",
        "inspect:show": "Show one booking and the reason for its current time.",
        "slots": "Tell when a provider can be booked in all systems, and where they differ and "
        "why.",
        "conflicts": "List the open conflicts with all values; show or resolve one.",
        "acknowledge": "Silence one reported item, or a double booking, until it changes.",
        "inspect:history": "Show what was seen and written, newest last, and which rule decided.",
        "export": "Export the history as CSV or JSON lines, oldest first, with who decided each "
        "change.",
    },
    "Keep": {
        "backup": "Copy the state to FILE; safe while the daemon runs.",
        "backup:restore": "Replace the state with FILE, made by `syncd backup`.",
        "forget_person:forget-person": "Erase from the state what is stored about one customer: "
        "contact ids and hashes.",
        "backup:migrate": "Upgrade the state to this version in one transaction; `run` and "
        "`resync` also do this.",
    },
    "Try": {
        "demo": "Show syncd at work on three emulated systems with three people and a week of "
        "bookings.",
        "sandbox": "Serve emulators of LeadSquared, LeadConnector v2 and v1 on loopback.",
        "simulate": "Play seeded stories on virtual time: people, faults, crashes; and judge every "
        "promise.",
        "version": "Print the version.",
    },
}
"""The commands, as ``module:function`` in `syncd.cli` (or only one word, if they are the same), and
what each is for: the first sentence of its function's docstring."""


class _Commands(TyperGroup):
    """The list of commands, by panels."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write what each is for, in full."""
        del ctx
        for panel, commands in _PANELS.items():
            with formatter.section(panel):
                formatter.write_dl(
                    [(name.rpartition(":")[2], text) for name, text in commands.items()]
                )


app = typer.Typer(
    name="syncd",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, nothing left; 1 unexpected error; 2 usage or configuration; "
    "3 done, but a person is needed (held conflicts, double bookings, unreadable records, unless "
    "acknowledged); 4 done as far as possible (a system did not answer, a list is not whole, "
    "writes wait, a person said no or interrupted); 5 stopped by the guard; 6 another syncd "
    "holds the state. The higher of 5, 4 and 3 wins. With --json an error is JSON, "
    "too, on the standard output.",
)


@app.callback()
def root(context: typer.Context, *, config: ConfigOption = None) -> None:
    """Keep appointments and busy time the same in LeadSquared and LeadConnector v2 and v1.

    Try it without any account: `syncd demo`. With accounts: `syncd init` asks for them, proposes
    who is who and writes a configuration. With a configuration: `syncd check` looks whether all is
    well, `syncd plan` shows what would be written, `syncd resync` does it once, `syncd run`
    keeps doing it.
    """
    context.obj = config


def program() -> TyperGroup:
    """The program with its commands, none of them imported yet."""
    group = get_group(app)
    for panel in _PANELS.values():
        for name, summary in panel.items():
            group.add_command(LazyCommand(name, summary))
    return group


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program; ends the process."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if "run" not in given:
        # A one-shot ends as with Ctrl-C; those that write finish the request in flight first.
        signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run_with(given))


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def run_with(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    as_json = "--json" in itertools.takewhile(lambda each: each != "--", arguments)
    try:
        ended = program()(list(arguments), prog_name="syncd", standalone_mode=False)
    except SystemExit as ended_early:
        if isinstance(ended_early.__context__, BrokenPipeError):
            return 0  # only a help text was to be read
        ended = ended_early.code
    except (KeyboardInterrupt, typer.Abort):
        ended = _SIGINT
    except Exception as error:
        known = _known(error) or _trouble(error, arguments)
        if known is None and callable(show := getattr(error, "show", None)):
            return _refuse(error, show, as_json=as_json)
        if known is None and os.environ.get("SYNCD_DEBUG"):
            raise
        return _fail(known or _unexpected(error), as_json=as_json)
    if ended == _SIGINT:
        return _fail(Failure(_INTERRUPTED, "Run the command again.", 4), as_json=as_json)
    return ended if isinstance(ended, int) else int(ended is not None)


_SIGINT = 130
"""What the library of commands ends with after Ctrl-C."""

_INTERRUPTED = "interrupted: what was done is kept, and the rest was not begun"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command could not be carried out: ``text`` is printed, or the object with ``error``."""

    message: str
    remedy: str
    exit: int
    place: str = ""
    problems: Sequence[Mapping[str, object]] = ()
    text: str = ""

    def __str__(self) -> str:
        """What is printed."""
        return self.text or f"{self.message}. {self.remedy}"

    def to_json(self) -> dict[str, object]:
        """The object; its keys are stable, ``place`` and ``problems`` only where there are any."""
        told: dict[str, object] = {
            "message": self.message,
            "remedy": self.remedy,
            "exit": self.exit,
        }
        if self.place:
            told["place"] = self.place
        if self.problems:
            told["problems"] = list(self.problems)
        return {"error": told}


def _known(error: Exception) -> Failure | None:
    """Return an error that is told in its own words; None for all others."""
    code = _code(error)
    if code is None:
        return None
    problems: Sequence[Any] = getattr(error, "problems", ())
    first = problems[0] if problems else error
    place = getattr(first, "where", "") or getattr(first, "place", "")
    return Failure(
        str(getattr(first, "reason", error)),
        str(getattr(first, "remedy", "")),
        code,
        str(place),
        [problem.to_json() for problem in problems],
        str(error),
    )


def _trouble(error: Exception, arguments: Sequence[str]) -> Failure | None:
    """Return what this machine refused, or an argument that is no text; None for all others."""
    said = error
    while isinstance(said, ImportError) and isinstance(said.__context__, Exception):
        said = said.__context__
    if isinstance(said, UnicodeEncodeError) and not "".join(arguments).isascii():
        remedy = "Write it in UTF-8, and set LANG to a UTF-8 locale."
        return Failure("an argument is no text in UTF-8", remedy, 2)
    if isinstance(said, MemoryError):
        return Failure("there is not enough memory", "Free some, or raise the limit.", 1)
    if not isinstance(said, OSError) or said.errno is None or said.strerror is None:
        return None
    if said.errno in {errno.EMFILE, errno.ENFILE}:
        return Failure(
            "too few files may be open at a time",
            "Raise the limit to 256 or more (ulimit -n, or LimitNOFILE= in a unit).",
            1,
        )
    named = "" if said.filename is None else str(said.filename)
    reason = f"this machine refused it: {said.strerror}" + (f" ({named})" if named else "")
    return Failure(reason, "Look at that file or folder, its rights, and the disk.", 1, named)


def _unexpected(error: Exception) -> Failure:
    return Failure(
        f"unexpected {type(error).__name__}: this is a fault of syncd, nothing is lost",
        "Run it again with SYNCD_DEBUG=1 to see where, and report it.",
        1,
    )


def _refuse(error: Exception, show: Callable[[], object], *, as_json: bool) -> int:
    """Print what the library of commands says of the arguments."""
    code = getattr(error, "exit_code", 2)
    if as_json:
        told = getattr(error, "format_message", error.__str__)()
        return _fail(Failure(str(told), "See its --help.", code), as_json=True)
    show()
    return int(code)


_CODES = {
    "syncd.config.problems.ConfigError": 2,
    "syncd.cli.options.UsageError": 2,
    "syncd.cli.options.InterruptedByUserError": 4,
    "syncd.daemon.lock.StateHeldError": 6,
    "syncd.store.errors.StateError": 1,
    "syncd.daemon.client.DaemonError": 1,
    "syncd.daemon.client.RequestError": 2,
}
"""What is told in its own words, and the exit code that it ends with (docs/design.md#exit-codes).

By name: whoever raises one of them has imported it, and nobody else needs to.
"""


def _code(error: Exception) -> int | None:
    """The exit code of an error that is told in its own words; None for all others."""
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return next((_CODES[name] for name in names if name in _CODES), None)


def _fail(failure: Failure, *, as_json: bool) -> int:
    """Print why a command failed: with --json on the standard output, as what it prints else."""
    from syncd.cli import terminal  # noqa: PLC0415 - no help needs colours

    if as_json:
        terminal.print_json(failure.to_json())
    else:
        terminal.console(err=True).print(terminal.plain(f"syncd: {failure}"), style="red")
    return failure.exit
