"""The unit file, checked by systemd's own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.config.load import load

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVICES = ("syncd.service", "syncd-resync.service")
UNITS = (*SERVICES, "syncd-resync.timer")
UNIT = DEPLOY / "syncd.service"
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine"
)


def verify(*units: Path) -> tuple[int, str]:
    """What systemd has to say of unit files that lie in one folder."""
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, units)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@needs_systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    # It wants the program to be there; whether it is installed here does not matter.
    units = [tmp_path / name for name in UNITS]
    for unit in units:
        text = (DEPLOY / unit.name).read_text()
        unit.write_text(text.replace("/opt/syncd/current/bin/syncd", sys.executable))
    assert verify(*units) == (0, "")
    broken = units[0].read_text().replace("Type=notify", "Type=nonsense")
    units[0].write_text(broken)
    assert "nonsense" in verify(*units)[1]


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_the_exposure_is_low(name: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(DEPLOY / name)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(rf"exposure level for {re.escape(name)}: ([\d.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) <= 1.5


def test_both_services_have_the_same_sandboxing() -> None:
    sections = [
        (DEPLOY / name)
        .read_text()
        .partition("# The user, and")[2]
        .partition("[Install]")[0]
        .strip()
        for name in SERVICES
    ]
    assert sections[0] == sections[1]
    assert "User=syncd\nGroup=syncd\n" in sections[0]
    # /var/lib/private would be closed to that user, and so to root at work as that user.
    assert "DynamicUser=" not in sections[0]
    assert "StateDirectory=syncd" in sections[0]


def test_a_reload_checks_the_configuration_first() -> None:
    lines = re.findall(r"^ExecReload=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert [line.split()[-2:] for line in lines] == [["check", "--offline"], ["-HUP", "$MAINPID'"]]


def test_it_is_restarted_for_ever_with_a_wait_that_grows_where_systemd_can() -> None:
    text = UNIT.read_text()
    assert "StartLimitIntervalSec=0" in text
    assert "Restart=on-failure" in text
    assert "RestartSec=15" in text
    assert "RestartSteps=8" in (DEPLOY / "backoff.conf").read_text()


def test_a_one_shot_that_holds_conflicts_has_not_failed() -> None:
    assert "SuccessExitStatus=3\n" in (DEPLOY / "syncd-resync.service").read_text()


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


def test_it_does_not_restart_after_errors_that_need_a_person() -> None:
    text = UNIT.read_text()
    assert "RestartPreventExitStatus=2 6" in text
    drain, stop = 20, re.search(r"TimeoutStopSec=(\d+)", text)
    assert stop is not None
    assert int(stop[1]) > drain
