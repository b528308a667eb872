"""The `syncd` program: its commands, and the mapping of errors to messages and exit codes.

A command's module is imported only when the command is called, so `syncd --help` is fast.
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
        "provision": "Create the rooms, equipment, associations, teams and services listed under "
        "[[provision.…]].",
    },
    "Sync": {
        "run": "Keep all systems in sync until SIGTERM or Ctrl-C; the systemd service runs this.",
        "resync": "Sync all systems once: read, decide and write until nothing is left to do.",
        "probe": "Measure the platform facts that only a live account can show.",
        "pausing:pause": "Stop writing to a system, or for a provider, until `syncd unpause`.",
        "pausing:unpause": "End a pause: plan again, show the plan, and ask before anything is "
        "written.",
        "undo": "Undo the writes of a run, for each booking that has not changed since.",
    },
    "Remove": {
        "cleanup": "Remove the blocks that syncd made, for a provider, a system or all; then "
        "verify the removal.",
    },
    "Inspect": {
        "resync:plan": "Show each write that a resync would make now.",
        "check": "Check configuration, credentials, rights, mapping, clocks and the calls that "
        "polling needs.",
        "inspect:status": "Show the state of each system, the last reads, pending writes and open "
        "conflicts.",
        "inspect:bookings": "List the active bookings, with the event of each booking in each "
        "system.",
        "inspect:show": "Show one booking and the reason for its current time.",
        "slots": "Show when a provider can be booked in all systems, and where and why they "
        "differ.",
        "conflicts": "List the open conflicts with all values; show or resolve one.",
        "acknowledge": "Silence one reported item, or a double booking, until it changes.",
        "inspect:history": "Show what was seen and written, newest last, and which rule decided.",
        "export": "Export the history as CSV or JSON lines, oldest first, with who decided each "
        "change.",
    },
    "Maintain": {
        "backup": "Copy the state to FILE; safe while the daemon runs.",
        "backup:restore": "Replace the state with FILE, made by `syncd backup`.",
        "forget_person:forget-person": "Erase from the state what is stored about one customer: "
        "contact ids and hashes.",
        "backup:migrate": "Upgrade the state to this version in one transaction; `run` and "
        "`resync` also do this.",
    },
    "Try": {
        "syncd.lab.demo:demo": "Show syncd at work on three emulated systems with three providers "
        "and a week of bookings.",
        "sandbox": "Serve emulators of LeadSquared, LeadConnector v2 and v1 on loopback.",
        "simulate": "Run seeded scenarios on virtual time, with users, faults and crashes; check "
        "every promise.",
        "version": "Print the version.",
    },
}
"""The commands by panel: ``module:function`` (one word if both are the same), and the first
sentence of the function's docstring. A module without a package is one of `syncd.cli`."""


class _Commands(TyperGroup):
    """The root command group, which lists the commands by panel."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command with its full summary."""
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
    epilog="Exit codes: 0 done, nothing left; 1 unexpected error; 2 usage or configuration error; "
    "3 done, but the operator is needed (held conflicts, double bookings or unreadable events "
    "that are not acknowledged); 4 done as far as possible (a system did not respond, a list is "
    "incomplete, writes are waiting, or the operator declined or interrupted); 5 stopped by the "
    "guard; "
    "6 another syncd process holds the state. If several of 3, 4 and 5 apply, the highest is "
    "returned. With --json, errors are printed as JSON to standard output.",
)


@app.callback()
def root(context: typer.Context, *, config: ConfigOption = None) -> None:
    """Keep appointments and busy time in sync across LeadSquared and LeadConnector v2 and v1.

    To try it without an account: `syncd demo`. With accounts: `syncd init` asks for credentials,
    proposes which users belong to one provider, and writes a configuration. Then `syncd check`
    tests the setup, `syncd plan` shows what would be written, `syncd resync` syncs once, and `syncd
    run` syncs continuously.
    """
    context.obj = config


def program() -> TyperGroup:
    """Return the root command with all commands, none of them imported yet."""
    group = get_group(app)
    for panel in _PANELS.values():
        for name, summary in panel.items():
            group.add_command(LazyCommand(name, summary))
    return group


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and end the process with its exit code."""
    argv = sys.argv[1:] if arguments is None else list(arguments)
    if "run" not in argv:
        # SIGTERM ends a one-shot command as Ctrl-C does; a request in flight is finished first.
        signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run_with(argv))


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def run_with(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    as_json = "--json" in itertools.takewhile(lambda each: each != "--", arguments)
    try:
        result = program()(list(arguments), prog_name="syncd", standalone_mode=False)
    except SystemExit as early_exit:
        if isinstance(early_exit.__context__, BrokenPipeError):
            return 0  # the reader of a help text closed the pipe
        result = early_exit.code
    except (KeyboardInterrupt, typer.Abort):
        result = _SIGINT
    except Exception as error:
        failure = _expected(error) or _environment_error(error, arguments)
        if failure is None and callable(show := getattr(error, "show", None)):
            return _usage_error(error, show, as_json=as_json)
        if failure is None and os.environ.get("SYNCD_DEBUG"):
            raise
        return _fail(failure or _unexpected(error), as_json=as_json)
    if result == _SIGINT:
        return _fail(Failure(_INTERRUPTED, "Run the command again.", 4), as_json=as_json)
    return result if isinstance(result, int) else int(result is not None)


_SIGINT = 130
"""The value that Typer returns after Ctrl-C."""

_INTERRUPTED = "interrupted: finished work is kept, and the remaining work was not started"


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why a command failed, as it is printed.

    If ``text`` is set, only ``text`` is printed; otherwise ``message`` and ``remedy`` are.
    ``place`` is a file, line or key; ``problems`` are the problems of a configuration.
    """

    message: str
    remedy: str
    exit: int
    place: str = ""
    problems: Sequence[Mapping[str, object]] = ()
    text: str = ""

    def __str__(self) -> str:
        """Return the text to print."""
        return self.text or f"{self.message}. {self.remedy}"

    def to_json(self) -> dict[str, object]:
        """Return the JSON object. Its keys are stable; ``place`` and ``problems`` are optional."""
        error: dict[str, object] = {
            "message": self.message,
            "remedy": self.remedy,
            "exit": self.exit,
        }
        if self.place:
            error["place"] = self.place
        if self.problems:
            error["problems"] = list(self.problems)
        return {"error": error}


def _expected(error: Exception) -> Failure | None:
    """Return the failure of an error listed in `_CODES`; None for all others."""
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


def _environment_error(error: Exception, arguments: Sequence[str]) -> Failure | None:
    """Return the failure for an operating-system error or a badly encoded argument, else None."""
    cause = error
    while isinstance(cause, ImportError) and isinstance(cause.__context__, Exception):
        cause = cause.__context__
    if isinstance(cause, UnicodeEncodeError) and not "".join(arguments).isascii():
        remedy = "Pass it as UTF-8, and set LANG to a UTF-8 locale."
        return Failure("an argument is not valid UTF-8", remedy, 2)
    if isinstance(cause, MemoryError):
        return Failure("there is not enough memory", "Free some memory, or raise the limit.", 1)
    if not isinstance(cause, OSError) or cause.errno is None or cause.strerror is None:
        return None
    if cause.errno in {errno.EMFILE, errno.ENFILE}:
        return Failure(
            "the limit on open files is too low",
            "Raise the limit to 256 or more (ulimit -n, or LimitNOFILE= in a unit).",
            1,
        )
    filename = "" if cause.filename is None else str(cause.filename)
    reason = f"the operating system reported: {cause.strerror}" + (
        f" ({filename})" if filename else ""
    )
    return Failure(reason, "Check that file or folder, its permissions, and the disk.", 1, filename)


def _unexpected(error: Exception) -> Failure:
    return Failure(
        f"unexpected {type(error).__name__}: this is a bug in syncd; no data is lost",
        "Run the command again with SYNCD_DEBUG=1 to get a traceback, and report it.",
        1,
    )


def _usage_error(error: Exception, show: Callable[[], object], *, as_json: bool) -> int:
    """Print an error of Typer about the arguments and return its exit code."""
    code = getattr(error, "exit_code", 2)
    if as_json:
        message = getattr(error, "format_message", error.__str__)()
        return _fail(Failure(str(message), "See --help of the command.", code), as_json=True)
    show()
    return int(code)


_CODES = {
    "syncd.config.problems.ConfigError": 2,
    "syncd.cli.options.UsageError": 2,
    "syncd.cli.options.InterruptedByUserError": 4,
    "syncd.daemon.lock.StateLockedError": 6,
    "syncd.store.errors.StateError": 1,
    "syncd.daemon.client.DaemonError": 1,
    "syncd.daemon.client.RequestError": 2,
}
"""Errors that are printed with their own message, and their exit codes (docs/design.md#exit-codes).

The errors are listed by name, so that this module need not import the modules that define them.
"""


def _code(error: Exception) -> int | None:
    """Return the exit code of an error listed in `_CODES`; None for all others."""
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return next((_CODES[name] for name in names if name in _CODES), None)


def _fail(failure: Failure, *, as_json: bool) -> int:
    """Print why a command failed and return the exit code; JSON goes to standard output."""
    from syncd.cli import terminal  # noqa: PLC0415 - not needed for --help

    if as_json:
        terminal.print_json(failure.to_json())
    else:
        terminal.console(err=True).print(terminal.plain_text(f"syncd: {failure}"), style="red")
    return failure.exit
