"""What is there if the state is lost, for `status`: backups, and the file of created ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from syncd.cli import render
from syncd.store.created_ids import created_ids_path, missing_creates
from syncd.store.errors import StateError
from syncd.store.nightly import KeptBackup, kept_backups, last_backup
from syncd.store.status_query import StatusSnapshot

_OLD = timedelta(days=2)
"""A backup that is older than this tells that several nights failed."""


@dataclass(frozen=True, slots=True)
class BackupStatus:
    """The last backup, how many there are, and what the file of created ids lacks.

    ``missing`` counts, among the last blocks made, those that the file does not prove; None where
    it cannot be read, and ``fault`` says why.
    """

    backup: KeptBackup | None
    kept: int
    file: Path
    missing: int | None
    fault: str
    wrote: bool

    def to_json(self) -> dict[str, Any]:
        """Stable keys; times are UTC."""
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
        """For a person."""
        if self.backup is not None:
            path = self.backup.path
            yield f"backup   {render.ago(self.backup.made_at, now)}: {path.parent.name}/{path.name}"

    def troubles(self, now: datetime) -> Iterator[str]:
        """What a person should see to."""
        if self.wrote and self.backup is None:
            yield (
                "there is no backup of the state yet: the daemon and `resync` make one; if they "
                "did and none is here, the log says why"
            )
        elif self.backup is not None and now - self.backup.made_at > _OLD:
            yield (
                f"the last backup was made {render.ago(self.backup.made_at, now)}: if syncd was at "
                "work since then, the log says what went wrong"
            )
        if self.fault:
            yield f"{self.file} cannot be read ({self.fault}): it proves which blocks are syncd's"
        elif self.missing:
            blocks = render.count(self.missing, "block")
            yield (
                f"{self.file} lacks {blocks} that syncd made: if the state is lost, nothing proves "
                "that they are syncd's. The log says why; what is missing is added by itself."
            )


def backup_status(state: Path, seen: StatusSnapshot, now: datetime) -> BackupStatus:
    """Look at the files beside a state."""
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
