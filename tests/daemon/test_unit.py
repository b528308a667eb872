"""The unit file, looked at by systemd's own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.config.load import load

UNIT = Path(__file__).parents[2] / "deploy" / "syncd.service"
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine"
)


@needs_systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    # It wants the program to be there; where it is installed is the administrator's business.
    text = re.sub(r"ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text())
    unit = tmp_path / "syncd.service"
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    unit.write_text(text.replace("Type=notify", "Type=nonsense"))
    broken = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert "nonsense" in broken.stderr


@needs_systemd
def test_the_exposure_is_low() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"exposure level for syncd.service: ([\d.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) <= 1.5


def test_each_credential_of_the_example_is_handed_over_by_a_line_of_the_unit() -> None:
    example = UNIT.with_name("syncd.toml.example").read_text()
    wanted = set(re.findall(r'^\w+ = {.credential = "(\w+)"', example, re.MULTILINE))
    offered = set(re.findall(r"LoadCredential=(\w+):", UNIT.read_text()))
    assert wanted == offered


def test_the_example_is_a_right_configuration() -> None:
    example = UNIT.with_name("syncd.toml.example")
    settings = load(example, {}, secrets=False)
    assert set(settings.systems) == {"crm", "clinic", "legacy"}
    assert str(settings.syncd.state_path) == "/var/lib/syncd/syncd.db"


def test_it_does_not_restart_what_only_a_person_can_mend() -> None:
    text = UNIT.read_text()
    assert "RestartPreventExitStatus=2 6" in text
    drain, stop = 20, re.search(r"TimeoutStopSec=(\d+)", text)
    assert stop is not None
    assert int(stop[1]) > drain
