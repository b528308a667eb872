"""Commands whose module is imported when the command is called."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command


class LazyCommand(TyperCommand):
    """A placeholder for the command ``module:function``.

    A single word names both the module and the function, and a module without a package is one of
    `syncd.cli`. The target may be a command group.
    """

    def __init__(self, where: str, summary: str) -> None:
        """Store the place of the command, and its summary for the help text."""
        module, _, function = where.rpartition(":")
        super().__init__(function, help=summary)
        name = module or function
        self._module = name if "." in name else f"syncd.cli.{name}"

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Import the command and return the context in which it parses the arguments."""
        return self.real().make_context(info_name, args, parent, **extra)

    def real(self) -> Any:
        """Import the command itself."""
        # Imported objects live until the end, so collecting garbage among them only costs time.
        gc.disable()
        try:
            command = getattr(import_module(self._module), (self.name or "").replace("-", "_"))
        finally:
            gc.freeze()
            gc.enable()
        _set_up_logging()
        if isinstance(command, typer.Typer):
            return get_command(command)
        program = typer.Typer(
            add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
        )
        program.command(self.name)(command)
        return get_command(program)


def _set_up_logging() -> None:
    """Send log lines to the standard error, as programs read the output of --json.

    On a terminal, log only errors: the command prints its warnings itself. A command that logs has
    imported structlog by now; the others do without it.
    """
    if "structlog" in sys.modules:
        from syncd.daemon.logging import set_up  # noqa: PLC0415 - not needed by commands without logs

        set_up(style="auto", level="error" if sys.stderr.isatty() else "warning")
