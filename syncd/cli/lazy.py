"""Commands that are imported when they are called, not before."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command


class LazyCommand(TyperCommand):
    """Stands for the command ``module:function`` of `syncd.cli` in the list of commands.

    One word names both. What it finds there may be a group of commands too.
    """

    def __init__(self, where: str, summary: str) -> None:
        """Keep where it is, and what it is for."""
        module, _, function = where.rpartition(":")
        super().__init__(function, help=summary)
        self._module = f"syncd.cli.{module or function}"

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Import the real one and let it read the arguments; from then on it is its own."""
        return self.real().make_context(info_name, args, parent, **extra)

    def real(self) -> Any:
        """Import the command itself."""
        # An import makes much that stays: to look through it for garbage is in vain, now and later.
        gc.disable()
        try:
            found = getattr(import_module(self._module), (self.name or "").replace("-", "_"))
        finally:
            gc.freeze()
            gc.enable()
        _log_aside()
        if isinstance(found, typer.Typer):
            return get_command(found)
        alone = typer.Typer(
            add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
        )
        alone.command(self.name)(found)
        return get_command(alone)


def _log_aside() -> None:
    """Keep what is logged out of what is printed: --json is read by programs.

    At a terminal the command itself tells what a warning would. Whatever logs has been imported
    with its command; the rest does without structlog.
    """
    if "structlog" in sys.modules:
        from syncd.daemon.logging import set_up  # noqa: PLC0415 - not for what does not log

        set_up(style="auto", level="error" if sys.stderr.isatty() else "warning")
