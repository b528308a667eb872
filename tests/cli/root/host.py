"""A host with root, a service of another user, and traps that this user can set."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.cli.root.helper import USER, Ended, Root

SECRET = "root:$6$the-hash-of-root:19000:0:99999:7:::\n"
CONFIG = """\
[syncd]
state = "{state}"

[systems.a]
type = "leadconnector"
base_url = "http://127.0.0.1:9"
location_id = "C2QujeCh8ZnC7al2InWR"
token = {{ file = "token" }}

[systems.b]
type = "leadconnector"
base_url = "http://127.0.0.1:9"
location_id = "C2QujeCh8ZnC7al2InWS"
token = {{ file = "token" }}

[providers.alice.calendars]
a = {{ user = "u1" }}
b = {{ user = "u2" }}
"""


@dataclass(frozen=True, slots=True)
class Host:
    """A host: root's configuration and files, and the state in a folder of the service user."""

    root: Root
    home: Path

    @property
    def etc(self) -> Path:
        """Return root's folder with configuration and secrets."""
        return self.home / "etc"

    @property
    def vault(self) -> Path:
        """Return a folder that only root can open."""
        return self.home / "vault"

    @property
    def victim(self) -> Path:
        """Return a file of root."""
        return self.vault / "shadow"

    @property
    def folder(self) -> Path:
        """Return the folder of the service's state."""
        return self.home / "lib" / "syncd"

    @property
    def state(self) -> Path:
        """Return the state file of the service."""
        return self.folder / "syncd.db"

    def syncd(self, *command: object, seconds: int = 20) -> Ended:
        """Run a command as root."""
        at = ("--config", self.etc / "syncd.toml")
        return self.root.run(*at, *command, folder=self.etc, seconds=seconds)

    def given(self) -> list[str]:
        """Return files in root's folders that were created, changed or given to another user."""
        lost = [
            f"{path.name} belongs to {path.lstat().st_uid}"
            for path in self.vault.rglob("*")
            if path.lstat().st_uid != 0
        ]
        lost += [f"{p.name} was made" for p in self.vault.iterdir() if p != self.victim]
        if not self.victim.exists() or self.victim.read_text() != SECRET:
            lost.append("shadow was changed")
        return lost


def give_away(folder: Path) -> None:
    """Give a folder and its content to the service user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)
    folder.chmod(0o700)


def owners(folder: Path) -> set[int]:
    """Return the owner of each entry in a folder."""
    return {path.lstat().st_uid for path in (folder, *folder.rglob("*"))}


def link(name: str, target: str = "shadow") -> Callable[[Host], None]:
    """Plant a symbolic link to a file in root's vault, existing or not."""

    def plant(host: Host) -> None:
        place = host.folder / name
        place.unlink(missing_ok=True)
        place.symlink_to(host.vault / target)

    return plant


def hard_link(name: str) -> Callable[[Host], None]:
    """Plant a hard link to root's file, as fs.protected_hardlinks=0 allows every user."""

    def plant(host: Host) -> None:
        place = host.folder / name
        place.unlink(missing_ok=True)
        os.link(host.victim, place)

    return plant


def fifo(name: str) -> Callable[[Host], None]:
    """Plant a pipe without a writer, so that opening it blocks."""

    def plant(host: Host) -> None:
        place = host.folder / name
        place.unlink(missing_ok=True)
        os.mkfifo(place)
        os.chown(place, USER, USER)

    return plant
