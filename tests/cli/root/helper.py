"""Commands run by a real root on a state that another user owns.

One helper process imports the program once; each command is a fork of it, so that a command may
give up root for good without the test losing it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER = 4242
"""The uid of the service, without an entry in passwd, as in a container."""

NEEDS_ROOT = "needs root"
"""The reason why these tests are skipped."""

_SERVE = """
import json, os, signal, sys, tempfile, traceback
from importlib import import_module
from syncd.cli.main import run_with
for name in ("resync", "inspect", "conflicts", "backup", "undo", "check", "slots", "provision",
"run"):
    import_module(f"syncd.cli.{name}")
for line in sys.stdin:
    asked = json.loads(line)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.stdin = open(0)
            os.environ.update(asked["env"])
            os.chdir(asked["folder"])
            signal.alarm(asked["seconds"])
            code = 70
            try:
                code = run_with(asked["command"])
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        print(json.dumps({"code": code, "out": out.read(), "err": err.read()}), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of a command; a negative code is the signal that ended it."""

    code: int
    out: str
    err: str


_OPEN_UP = """
set -e
closed=$1; shift
spares=
for path in "$@"; do
  shift
  [ "$path" != -- ] || break
  spare=$(mktemp -d)
  mount --rbind "$path" "$spare"
  spares="$spares $spare:$path"
done
mount -t tmpfs -o mode=755 none "$closed"
for each in $spares; do
  mkdir -p "${each#*:}"
  mount --rbind "${each%%:*}" "${each#*:}"
  umount -l "${each%%:*}"
  rmdir "${each%%:*}"
done
exec "$@"
"""
"""Show a closed folder as an empty one, open to all, with only these paths in it."""


def reachable(*command: str) -> list[str]:
    """The command line, in a place where every user can reach this interpreter and this code.

    What is in root's own home is shown, in a mount namespace, below a folder that is open to all.
    """
    needed = {Path(p).resolve() for p in (sys.base_prefix, sys.prefix, *sys.path) if p}
    needed = {path for path in needed if path.exists() and needed.isdisjoint(path.parents)}
    closed: dict[Path, list[str]] = {}
    for path in sorted(needed):
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & 0o001:
                closed.setdefault(folder, []).append(str(path))
                break
    line = list(command)
    for folder, paths in closed.items():
        line = ["sh", "-c", _OPEN_UP, "sh", str(folder), *paths, "--", *line]
    return ["unshare", "--mount", *line] if closed else line


class Root:
    """A helper process that runs commands as root."""

    def __init__(self) -> None:
        """Start the process."""
        paths = os.pathsep.join(p for p in sys.path if p)
        self._process = subprocess.Popen(
            reachable(sys.executable, "-c", _SERVE),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )

    def run(self, *command: object, folder: Path, seconds: int = 20, **env: str) -> Ended:
        """Run one command of syncd as root, in a folder."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked: dict[str, Any] = {
            "command": [str(each) for each in command],
            "folder": str(folder),
            "seconds": seconds,
            "env": env,
        }
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
