"""The disk under the state: the database is lost or replaced by an older copy; other files stay."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import copyfile

from syncd.lab.simulate.scenario import EventKind, SimEvent
from syncd.store.backup.backup import create_backup, restore_backup

_UNANSWERED = "SELECT 1 FROM intent WHERE action = 'create-block' AND state IN ('open', 'accepted')"


@dataclass(slots=True)
class Disk:
    """What happens to the database between two processes: ``next``, if anything."""

    state: Path
    next: SimEvent | None = None

    def back_up(self) -> None:
        """Copy the database, as the nightly backup does."""
        create_backup(self.state, self._copy, overwrite=True)

    def replace(self, now: datetime) -> str:
        """Lose or replace the database if that is due; return what was done, '' if nothing was.

        This waits while a create is unanswered: after a loss nothing could prove that its block is
        syncd's, and that is not under test here.
        """
        step, self.next = self.next, None
        if step is None or self._unanswered():
            return ""
        if step.kind is EventKind.STATE_LOST:
            self._remove()
            return "state lost"
        if not self._copy.exists():
            return ""
        if step.slot:
            self._remove()
            copyfile(self._copy, self.state)
            return "state replaced by hand"
        restore_backup(self._copy, self.state, now)
        return "state restored"

    @property
    def _copy(self) -> Path:
        return self.state.with_name("copy.db")

    def _unanswered(self) -> bool:
        with closing(sqlite3.connect(self.state)) as database:
            return database.execute(_UNANSWERED).fetchone() is not None

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.state.with_name(self.state.name + suffix).unlink(missing_ok=True)
