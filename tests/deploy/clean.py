"""A clean Debian in a folder, and commands that run in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HOUSE = Path(__file__).parents[2]
SUITE = "bookworm"
ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/var/empty",
    "LANG": "C.UTF-8",
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "/srv/wheels",
}


OUTSIDE = "SSL_CERT_FILE_OUTSIDE"
"""Where `tests/conftest.py` keeps which authorities this machine trusts."""


def outside() -> dict[str, str]:
    """The environment as it is outside of the tests: packages come from there."""
    found = dict(os.environ)
    trusted = found.pop(OUTSIDE, found.get("SSL_CERT_FILE", ""))
    found.pop("SSL_CERT_FILE", None)
    return {**found, "SSL_CERT_FILE": trusted} if trusted else found


@dataclass
class Machine:
    """A root folder. ``transcript`` holds what was run and said, as an operator would see it."""

    root: Path
    transcript: list[str] = field(default_factory=list)

    def command(self, *command: str, **env: str) -> list[str]:
        """The command line that runs something in there, with processes of its own."""
        said = [f"{name}={value}" for name, value in {**ENV, **env}.items()]
        unshare = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            f"--mount-proc={self.root}/proc",
        ]
        return [*unshare, "chroot", str(self.root), "/usr/bin/env", "-i", *said, *command]

    def run(self, *command: str, code: int = 0, **env: str) -> str:
        """Run something to its end, and return what it said; it must end with that code."""
        done = subprocess.run(
            self.command(*command, **env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.transcript.append(f"# {' '.join(command)}\n{done.stdout}")
        assert done.returncode == code, self.transcript[-1]
        return done.stdout

    def at(self, path: str) -> Path:
        """A path of the machine, from outside."""
        return self.root / path.lstrip("/")


def mirror() -> str:
    """Where this machine has its own packages from."""
    for file in sorted(Path("/etc/apt").glob("sources.list*")) + sorted(
        Path("/etc/apt/sources.list.d").glob("*")
    ):
        if file.is_file():
            found = re.search(
                r"^(?:URIs:|deb)\s+(\S+/debian/?)(?:\s|$)", file.read_text(), re.MULTILINE
            )
            if found is not None:
                return found[1]
    raise LookupError("the sources of this machine name no mirror of Debian's")


def new_machine(folder: Path) -> Machine:
    """A minimal Debian, with nothing of Python in it, that may ask the same mirror."""
    root = folder / "root"
    subprocess.run(
        ["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, root, mirror()],
        check=True,
        env=outside(),
        stdout=subprocess.DEVNULL,
    )
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    for settings in Path("/etc/apt/apt.conf.d").glob("99*"):
        shutil.copy(settings, root / "etc/apt/apt.conf.d")
    return Machine(root)


def bundle(folder: Path, version: str, migrations: Sequence[str] = ()) -> Path:
    """What a release with these further migrations is: wheel, constraints, the files of deploy/."""
    tree = folder / f"tree-{version}"
    for name in ("syncd", "pyproject.toml", "README.md", "LICENSE"):
        source = HOUSE / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            tree.mkdir(exist_ok=True)
            shutil.copy(source, tree / name)
    said = tree / "syncd" / "__init__.py"
    said.write_text(re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', said.read_text()))
    for number, migration in enumerate(migrations, start=1):
        where = tree / "syncd" / "store" / "migrations" / "versions"
        (where / f"m900{number}_made_up.py").write_text(migration)
    made = folder / f"syncd-{version}"
    shutil.copytree(HOUSE / "deploy", made)
    shutil.copy(HOUSE / "constraints.txt", made)
    with (made / "syncd.service").open("a") as unit:
        unit.write(f"# of {version}\n")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", made, tree],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return made
