"""The part of `status` on backups and on the file of created ids, used if the state is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from syncd.cli import render
from syncd.store.backup.created_ids import created_ids_path, missing_creates
from syncd.store.backup.nightly import KeptBackup, kept_backups, last_backup
from syncd.store.errors import StateError
from syncd.store.queries.status_query import StatusSnapshot

_OLD = timedelta(days=2)
"""The age of the last backup from which on `syncd status` warns. One is made every night."""


@dataclass(frozen=True, slots=True)
class BackupStatus:
    """The last backup, the number of backups, and the state of the file of created ids.

    ``kept`` is the number of backups. ``wrote`` is true if syncd has ever created blocks.
    ``missing`` is the number of recently created blocks whose ids are not in the file of created
    ids; None if the file cannot be read, and ``fault`` then gives the reason.
    """

    backup: KeptBackup | None
    kept: int
    file: Path
    missing: int | None
    fault: str
    wrote: bool

    def to_json(self) -> dict[str, Any]:
        """Return the fields of `status --json`; times are UTC."""
        newest = self.backup
        return {
            "backup": {
                "made_at": render.instant_json(newest.made_at if newest else None),
                "file": str(newest.path) if newest else None,
                "kept": self.kept,
            },
            "created_ids": {"file": str(self.file), "missing": self.missing, "fault": self.fault},
        }

    def lines(self, now: datetime) -> Iterator[str]:
        """Yield the line on the last backup, if there is one."""
        if self.backup is not None:
            path = self.backup.path
            yield f"backup   {render.ago(self.backup.made_at, now)}: {path.parent.name}/{path.name}"

    def warnings(self, now: datetime) -> Iterator[str]:
        """Yield a warning for each problem that the operator must solve."""
        if self.wrote and self.backup is None:
            yield (
                "there is no backup of the state yet: the daemon and `syncd resync` make backups. "
                "If one of them already ran, see its log for the reason"
            )
        elif self.backup is not None and now - self.backup.made_at > _OLD:
            yield (
                f"the last backup was made {render.ago(self.backup.made_at, now)}: if syncd ran "
                "since then, see the log for the reason"
            )
        if self.fault:
            yield (
                f"{self.file} cannot be read: {self.fault}. Restore the file or its permissions: "
                "if the state is lost, only this file proves which blocks are syncd's"
            )
        elif self.missing:
            blocks = render.count(self.missing, "block")
            yield (
                f"{self.file} lacks the ids of {blocks} that syncd made: if the state is lost, "
                "nothing proves that these blocks are syncd's. syncd adds missing ids by itself. "
                "If this warning stays, see the log for the reason."
            )


def backup_status(state: Path, seen: StatusSnapshot, now: datetime) -> BackupStatus:
    """Check the backups and the file of created ids beside a state."""
    missing: int | None = None
    fault = ""
    try:
        missing = len(missing_creates(created_ids_path(state), seen.installation, seen.created))
    except OSError as error:
        fault = error.strerror or str(error)
    except StateError as error:
        fault = error.reason
    backups = kept_backups(state)
    return BackupStatus(
        last_backup(state, now),
        len(backups),
        created_ids_path(state),
        missing,
        fault,
        bool(seen.created),
    )
