"""`install.sh uninstall` offers a cleanup before it removes anything."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "install.sh"


@dataclass
class House:
    """A made-up machine: a release whose program notes how it was called, and ends with a code."""

    root: Path

    @property
    def calls(self) -> str:
        notes = self.root / "calls"
        return notes.read_text() if notes.exists() else ""

    @property
    def installed(self) -> bool:
        return (self.root / "opt").exists()

    def script(self) -> Path:
        """The real script, with its folders under this root and without its look at the machine."""
        text = SCRIPT.read_text()
        for name, place in (
            ("PREFIX", "opt"),
            ("ETC", "etc"),
            ("STATE", "state"),
            ("BACKUPS", "backups"),
            ("UNITS", "units"),
            ("COMMAND", "command"),
        ):
            text = re.sub(rf"(?m)^{name}=.*$", f"{name}={self.root / place}", text)
        text = text.replace("\tlook_around\n\tuninstall", "\tuninstall")
        path = self.root / "install.sh"
        path.write_text(text.replace("alive() {", "alive() { return 1; }\nunused() {"))
        return path

    def uninstall(self, *typed: str) -> tuple[int, str]:
        """Run it; with ``typed`` on a terminal on which these lines are typed."""
        command = ["sh", str(self.script()), "uninstall"]
        if not typed:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            return done.returncode, done.stdout
        master, slave = pty.openpty()
        process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        os.write(master, "".join(f"{line}\n" for line in typed).encode())
        said = b""
        with suppress(OSError):  # the terminal is gone when the last process that held it is
            while part := os.read(master, 64 * 1024):
                said += part
        os.close(master)
        return process.wait(timeout=20), said.decode()


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Installed, with a state."""
    found = House(tmp_path)
    binaries = tmp_path / "opt" / "releases" / "1" / "bin"
    binaries.mkdir(parents=True)
    (tmp_path / "opt" / "current").symlink_to(binaries.parent)
    (binaries / "python").write_text(f"#!/bin/sh\ncat >/dev/null\necho {tmp_path}/state/syncd.db\n")
    (binaries / "syncd").write_text(
        f'#!/bin/sh\necho "$CREDENTIALS_DIRECTORY $*" >>{tmp_path}/calls\n'
        f"exit $(cat {tmp_path}/code)\n"
    )
    for file in binaries.iterdir():
        file.chmod(0o755)
    (tmp_path / "code").write_text("0")
    for name in ("etc", "state", "units"):
        (tmp_path / name).mkdir()
    (tmp_path / "etc" / "syncd.toml").write_text("")
    return found


def test_an_uninstall_cleans_up_first_and_only_then_names_the_state(house: House) -> None:
    code, said = house.uninstall("y")
    assert (code, house.installed) == (0, False)
    assert house.calls.split() == [
        f"{house.root}/etc/secrets",
        "--config",
        f"{house.root}/etc/syncd.toml",
        "cleanup",
    ]
    assert f"rm -r {house.root}/etc {house.root}/state" in said


def test_an_uninstall_without_a_cleanup_never_suggests_deleting_the_state(house: House) -> None:
    code, said = house.uninstall("n")
    assert (code, house.installed, house.calls) == (0, False, "")
    assert "rm -r" not in said
    assert "Keep them while blocks of syncd are" in said


def test_a_failed_cleanup_keeps_the_program_unless_confirmed(
    house: House,
) -> None:
    (house.root / "code").write_text("4")
    code, said = house.uninstall("y", "n")
    assert (code, house.installed) == (1, True)
    assert "nothing was uninstalled" in said
    code, said = house.uninstall("y", "y")
    assert (code, house.installed, "rm -r" in said) == (0, False, False)


def test_an_uninstall_without_a_terminal_says_what_stays_and_how_to_remove_it(
    house: House,
) -> None:
    code, said = house.uninstall()
    assert (code, house.installed, house.calls) == (0, False, "")
    assert "'syncd cleanup' removes them" in said
    assert "rm -r" not in said


def test_an_unreadable_configuration_does_not_count_as_a_missing_state(
    house: House,
) -> None:
    python = house.root / "opt" / "releases" / "1" / "bin" / "python"
    python.write_text("#!/bin/sh\ncat >/dev/null\necho 'syncd.toml:7: no such key' >&2\nexit 1\n")
    code, said = house.uninstall("n")
    assert (code, house.installed, "there is no state" in said) == (1, True, False)
    assert "syncd.toml:7: no such key" in said
    assert "nothing was uninstalled" in said
    code, said = house.uninstall("y")
    assert (code, house.installed, "rm -r" in said) == (0, False, False)
