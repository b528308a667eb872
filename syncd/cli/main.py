"""The program `syncd`: its commands, and the one place where errors become words and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence

import typer

from syncd import __version__
from syncd.cli import conflicts, terminal
from syncd.cli.backup import backup, migrate, restore
from syncd.cli.check import check
from syncd.cli.choices import show as show_conflict
from syncd.cli.demo import demo
from syncd.cli.discover import discover
from syncd.cli.init import init
from syncd.cli.look import bookings, history, show, status
from syncd.cli.options import ConfigOption, JsonOption, UsageError
from syncd.cli.provision import provision
from syncd.cli.resolve import resolve_one
from syncd.cli.resync import plan, resync
from syncd.cli.run import run
from syncd.cli.sandbox import sandbox
from syncd.cli.simulate import simulate
from syncd.cli.slots import slots
from syncd.cli.undo import undo
from syncd.config.problems import ConfigError
from syncd.daemon.client import DaemonError, RequestError
from syncd.daemon.lock import StateHeld
from syncd.daemon.logging import set_up
from syncd.store import StateError

app = typer.Typer(
    name="syncd",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 unexpected error; 2 usage or configuration; 3 conflicts are "
    "held; 4 a system did not answer; 5 stopped by the guard; 6 another syncd holds the state.",
)


@app.callback()
def root(context: typer.Context, *, config: ConfigOption = None) -> None:
    """Keep appointments and busy time the same in LeadSquared and LeadConnector v2 and v1.

    Try it without any account: `syncd demo`. With accounts: `syncd init` asks for them, proposes
    who is who and writes a configuration. With a configuration: `syncd check` looks whether all is
    well, `syncd plan` shows what would be written, `syncd resync` does it once, `syncd run`
    keeps doing it.
    """
    # What is logged must not mix with what is printed: --json is read by programs. At a terminal
    # the command itself tells what a warning would.
    set_up(style="auto", level="error" if sys.stderr.isatty() else "warning")
    context.obj = config


def version(*, as_json: JsonOption = False) -> None:
    """Print the version."""
    if as_json:
        terminal.print_json({"version": __version__})
    else:
        terminal.say(f"syncd {__version__}")


_PANELS: Mapping[str, Sequence[Callable[..., None]]] = {
    "Set up": (init, discover, provision),
    "Work": (run, resync, undo),
    "Look": (plan, check, status, bookings, show, slots, history),
    "Keep": (backup, restore, migrate),
    "Try": (demo, sandbox, simulate, version),
}
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
conflicts.app.command("show")(show_conflict)
conflicts.app.command("resolve")(resolve_one)
app.add_typer(conflicts.app, name="conflicts", rich_help_panel="Look")


_CODES: dict[type[Exception], int] = {
    ConfigError: 2,
    UsageError: 2,
    StateHeld: 6,
    StateError: 1,
    DaemonError: 1,
    RequestError: 2,
}
"""What is told in its own words, and the exit code that it ends with (DESIGN section 9)."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program; ends the process."""
    sys.exit(run_with(sys.argv[1:] if arguments is None else arguments))


def run_with(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        app(list(arguments), prog_name="syncd")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BrokenPipeError:
        # Whoever read our output had enough; keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _fail("stopped", 130)
    except tuple(_CODES) as error:
        return _fail(str(error), _CODES[type(error)])
    except Exception as error:
        if os.environ.get("SYNCD_DEBUG"):
            raise
        return _fail(
            f"unexpected {type(error).__name__}: this is a fault of syncd, nothing is lost. "
            "Run it again with SYNCD_DEBUG=1 to see where, and report it.",
            1,
        )
    return 0


def _fail(message: str, code: int) -> int:
    terminal.console(err=True).print(terminal.plain(f"syncd: {message}"), style="red")
    return code
