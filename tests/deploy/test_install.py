"""The installer on a clean Debian: install, repeat, upgrade, failed upgrade, uninstall."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from syncd.store.migrations import versions
from tests.deploy.clean import HOUSE, Machine, bundle, new_machine, outside

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(
        os.geteuid() != 0 or not (shutil.which("debootstrap") and shutil.which("unshare")),
        reason="needs root and debootstrap",
    ),
]

HEAD = max(p.stem for p in Path(versions.__path__[0]).glob("m*.py"))[1:5]
ADDS_A_COLUMN = f"""
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "9001", "{HEAD}", None, None
def upgrade():
    op.add_column("booking", sa.Column("colour", sa.String(), nullable=True))
"""
BREAKS = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "9002", "9001", None, None
def upgrade():
    op.add_column("booking", sa.Column("size", sa.String(), nullable=True))
    op.execute("SELECT no_such_function()")
"""
RELEASES = {
    "0.1.0": (),
    "0.2.0": (ADDS_A_COLUMN,),
    "0.3.0": (ADDS_A_COLUMN, BREAKS),
    "0.4.0": (ADDS_A_COLUMN,),
}
SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >> /var/log/systemctl
case "$1" in
--version) echo "systemd 255 (255.1)" ;;
is-active) [ "$3" = syncd.service ] ;;
start) ! readlink /opt/syncd/current | grep -q "$(cat /srv/refuses)" ;;
esac
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A clean Debian with three releases to install, and the packages that they need."""
    folder = tmp_path_factory.mktemp("clean")
    made = new_machine(folder)
    for version, migrations in RELEASES.items():
        shutil.copytree(bundle(folder, version, migrations), made.at(f"/srv/{version}"))
    wheels = made.at("/srv/wheels")
    wheel = next(made.at("/srv/0.1.0").glob("*.whl"))
    constraints = str(HOUSE / "constraints.txt")
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(wheels)]
    subprocess.run([*download, "--constraint", constraints, str(wheel)], check=True, env=outside())
    return made


def install(machine: Machine, version: str, code: int = 0) -> str:
    """Run the installer of a release."""
    return machine.run(f"/srv/{version}/install.sh", code=code)


def resync(machine: Machine) -> dict[str, int]:
    """Bring all into step; what was written."""
    said = json.loads(machine.run("syncd", "resync", "--yes", "--json"))
    assert said["converged"]
    return {name: count for name, count in said["operations"].items() if count}


def bookings(machine: Machine) -> int:
    """How many meetings the state holds."""
    return int(json.loads(machine.run("syncd", "status", "--json"))["bookings"])


def schema(machine: Machine) -> str:
    """The version of the state's tables."""
    look = "import sqlite3; d = sqlite3.connect('/var/lib/syncd/syncd.db'); "
    look += "print(d.execute('SELECT version_num FROM alembic_version').fetchone()[0])"
    return machine.run("/opt/syncd/current/bin/python", "-c", look).strip()


def test_install_upgrade_failed_upgrade_and_uninstall(machine: Machine) -> None:
    # A machine with nothing on it: Python comes from Debian, the program into a room of its own.
    said = install(machine, "0.1.0")
    assert "syncd 0.1.0 is installed. Next: edit /etc/syncd/syncd.toml" in said
    assert machine.run("syncd", "version") == "syncd 0.1.0\n"
    assert stat.S_IMODE(machine.at("/etc/syncd/secrets").stat().st_mode) == 0o700
    units = machine.at("/etc/systemd/system")
    unit = (HOUSE / "deploy/syncd.service").read_text() + "# of 0.1.0\n"
    assert (units / "syncd.service").read_text() == unit
    assert not list(machine.at("/usr/lib/python3").rglob("syncd*"))

    # The same again changes nothing, and an edited configuration stays.
    release = machine.at("/opt/syncd/current").readlink()
    with machine.at("/etc/syncd/syncd.toml").open("a") as file:
        file.write("# mine\n")
    before = _files(machine)
    assert "already installed and in use" in install(machine, "0.1.0")
    assert _files(machine) == before

    # The service's user owns its state, and no more.
    state = machine.run("stat", "-c", "%U %G %a", "/var/lib/syncd")
    assert state == "syncd syncd 700\n"

    # Secrets become credentials, whatever their mode was.
    secret = machine.at("/etc/syncd/secrets/ghl_token")
    secret.write_text("pit-secret\n")
    secret.chmod(0o644)
    machine.run("/srv/0.1.0/install.sh", "credentials")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    for service in ("syncd.service", "syncd-resync.service"):
        lines = (units / f"{service}.d" / "credentials.conf").read_text().splitlines()
        assert "LoadCredential=ghl_token:/etc/syncd/secrets/ghl_token" in lines
        assert not any("pit-secret" in line for line in lines)
    _refuses_odd_secrets(machine)

    command = ["syncd", "sandbox", "--ports", "0,0,0,0", "--write-config", "/srv/sandbox.toml"]
    with subprocess.Popen(
        machine.command(*command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as served:
        try:
            _life_of_a_state(machine, release)
        finally:
            served.kill()  # unshare heeds nothing less, and takes its child along

    # The program goes; what belongs to the operator stays.
    machine.run("/srv/0.2.0/install.sh", "uninstall")
    for gone in ("/opt/syncd", "/usr/local/bin/syncd", "/etc/systemd/system/syncd.service"):
        assert not machine.at(gone).exists()
        assert not machine.at(gone).is_symlink()
    assert machine.at("/var/lib/syncd/syncd.db").exists()
    assert machine.at("/etc/syncd/syncd.toml").exists()
    assert secret.exists()
    install(machine, "0.2.0")
    assert bookings(machine) > 0
    assert machine.run("find", "/var/lib/syncd", "!", "-user", "syncd") == ""
    assert machine.run("find", "/var/backups/syncd", "!", "-user", "root") == ""


def _life_of_a_state(machine: Machine, first_release: Path) -> None:
    config = machine.at("/srv/sandbox.toml")
    deadline = time.monotonic() + 20
    while not config.exists() or not config.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    state = 'state = "/var/lib/syncd/syncd.db"'
    text = "\n".join(
        state if s.startswith("state =") else s for s in config.read_text().split("\n")
    )
    machine.at("/etc/syncd/syncd.toml").write_text(text)
    assert set(resync(machine)) == {"create-block"}
    held = bookings(machine)

    # What the service's user plants keeps an upgrade from happening, and root from nothing else.
    _upgrade_over_links(machine)
    assert (bookings(machine), machine.at("/opt/syncd/current").readlink()) == (held, first_release)

    # An upgrade: backup, migration, and not a write to any system for it.
    said = install(machine, "0.2.0")
    assert "/var/backups/syncd/before-0.2.0-" in said
    assert "was replaced by 0.2.0-" in said
    assert (schema(machine), bookings(machine)) == ("9001", held)
    assert resync(machine) == {}
    second_release = machine.at("/opt/syncd/current").readlink()
    assert second_release != first_release

    # An upgrade whose migration fails: program and state are those from before.
    said = install(machine, "0.3.0", code=1)
    assert "the upgrade failed, and was undone" in said
    assert machine.run("syncd", "version") == "syncd 0.2.0\n"
    assert (schema(machine), bookings(machine)) == ("9001", held)
    assert resync(machine) == {}

    # With systemd at work: stopped before the backup, started after, undone if it does not start.
    machine.at("/run/systemd/system").mkdir(parents=True)
    systemctl = machine.at("/usr/local/sbin/systemctl")
    systemctl.write_text(SYSTEMCTL)
    systemctl.chmod(0o755)
    machine.at("/srv/refuses").write_text("/0.4.0-")
    said = install(machine, "0.4.0", code=1)
    assert "was undone" in said
    units = machine.at("/etc/systemd/system")
    assert (units / "syncd.service").read_text().endswith("# of 0.2.0\n")
    assert (units / "syncd.service.d" / "backoff.conf").exists()
    asked = machine.at("/var/log/systemctl").read_text().splitlines()
    verbs = [line.split()[1] for line in asked]
    assert verbs.index("stop") < verbs.index("start")
    assert [line for line in asked if " start " in line] == ["systemctl start syncd.service"] * 2
    assert machine.at("/opt/syncd/current").readlink() == second_release
    assert (schema(machine), bookings(machine)) == ("9001", held)
    shutil.rmtree(machine.at("/run/systemd"))
    systemctl.unlink()


def _refuses_odd_secrets(machine: Machine) -> None:
    """Links, second names and odd names among the secrets are told, and change nothing."""
    secrets, victim = machine.at("/etc/syncd/secrets"), machine.at("/etc/victim")
    victim.write_text("theirs")
    victim.chmod(0o644)
    for plant in (
        lambda: (secrets / "odd").symlink_to("/etc/victim"),
        lambda: os.link(victim, secrets / "odd"),
        lambda: (secrets / "odd\nExecStartPre=id").write_text(""),
        lambda: secrets.chmod(0o777),
    ):
        plant()
        machine.run("/srv/0.1.0/install.sh", "credentials", code=1)
        secrets.chmod(0o700)
        for odd in secrets.glob("odd*"):
            odd.unlink()
    assert stat.S_IMODE(victim.stat().st_mode) == 0o644


def _upgrade_over_links(machine: Machine) -> None:
    """Upgrade while links of the service's user lead to what is root's; it ends, and harms none."""
    vault = machine.at("/opt/vault")
    vault.mkdir(mode=0o700)
    (vault / "shadow").write_text("the hash of root")
    script = (
        "cd /var/lib/syncd && rm -f syncd.db.lock && ln -s /opt/vault/shadow syncd.db.lock && "
        "ln -s /opt/vault backups && ln -s /opt/vault/new syncd.db-wal"
    )
    user = ("setpriv", "--reuid=syncd", "--regid=syncd", "--clear-groups", "sh", "-c")
    machine.run(*user, script)
    said = install(machine, "0.2.0", code=1)
    assert "nothing was changed" in said
    assert [(p.name, p.read_text()) for p in vault.iterdir()] == [("shadow", "the hash of root")]
    machine.run(*user, "cd /var/lib/syncd && rm syncd.db-wal")
    said = install(machine, "0.2.0", code=1)
    assert "it is a link" in said
    assert "the upgrade failed, and was undone" in said
    assert [(p.name, p.read_text()) for p in vault.iterdir()] == [("shadow", "the hash of root")]
    assert (vault / "shadow").stat().st_uid == 0
    machine.run(*user, "cd /var/lib/syncd && rm syncd.db.lock")


def _files(machine: Machine) -> dict[str, tuple[int, float]]:
    """What the installer may have written: size and time of each file."""
    places = ("/etc/syncd", "/etc/systemd/system", "/opt/syncd/current/bin", "/usr/local/bin")
    return {
        str(p): (p.lstat().st_size, p.lstat().st_mtime)
        for place in places
        for p in machine.at(place).rglob("*")
        if not p.is_symlink() and p.is_file()
    }
