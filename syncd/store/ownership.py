"""Whose the files are that syncd makes beside a state."""

from __future__ import annotations

import os
from pathlib import Path


def owned_like_folder(path: Path) -> None:
    """Give a file that root has made to the owner of its folder: the service must open it, too."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)
