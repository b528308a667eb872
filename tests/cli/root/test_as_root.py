"""Commands run by root on the state of another user: what works, is refused, is written."""

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

import syncd
from tests.cli.conftest import CliHarness
from tests.cli.root.helper import NEEDS_ROOT, USER, reachable
from tests.cli.root.host import CONFIG, Host, give_away, hard_link, link, owners

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason=NEEDS_ROOT), pytest.mark.sockets]


@pytest.mark.prove
def test_all_commands_work_with_secrets_that_only_root_can_read(
    cli: CliHarness, host: Host
) -> None:
    shutil.rmtree(host.folder)
    host.folder.mkdir()
    give_away(host.folder)
    text = cli.path.read_text().replace('"state.db"', f'"{host.state}"')
    token = cli.world.sandbox.clinic.token
    secret = host.etc / "token"
    secret.write_text(token)
    (host.etc / "syncd.toml").write_text(text.replace(f'"{token}"', '{ file = "token" }'))

    def done(*command: object, code: int = 0) -> str:
        ended = host.syncd(*command, seconds=60)
        assert ended.code == code, (command, ended)
        return ended.out

    assert "nothing synced yet" in done("status")
    assert done("plan")
    first = json.loads(done("resync", "--yes", "--json"))
    assert first["converged"]
    assert cli.disagreements() == []
    again = json.loads(done("resync", "--dry-run", "--json"))
    assert not any(again["operations"].values())
    assert done("status", "--json")
    assert done("bookings")
    assert done("history")
    assert done("check", "--json")
    assert done("slots", "--provider", "alice")
    plan, lines = host.vault / "plan.json", host.vault / "history.csv"
    done("plan", "--out", plan)
    assert (plan.stat().st_uid, stat.S_IMODE(plan.stat().st_mode)) == (0, 0o600)
    done("resync", "--plan", plan)
    done("export", "--out", lines)
    assert lines.stat().st_uid == 0
    copy = host.vault / "copy.db"
    assert str(copy) in done("backup", copy, "--json")
    assert (copy.stat().st_uid, stat.S_IMODE(copy.stat().st_mode)) == (0, 0o600)
    assert "this file exists already" in " ".join(
        host.syncd("backup", copy).err.replace("\n", " ").split()
    )
    done("backup", copy, "--force")
    assert json.loads(done("undo", first["run"], "--yes", "--json"))["bookings"]
    assert json.loads(done("restore", "--yes", "--json", copy))["bookings"]
    done("migrate")
    done("backup", host.folder / "own.db")
    assert owners(host.folder) == {USER}
    assert owners(host.etc) == owners(host.vault) == {0}


def test_the_daemon_started_by_root_gives_it_up_and_takes_commands_of_roots(
    cli: CliHarness, host: Host
) -> None:
    text = cli.path.read_text().replace('"state.db"', f'"{host.state}"')
    (host.etc / "syncd.toml").write_text(text)
    command = [sys.executable, "-m", "syncd", "--config", str(host.etc / "syncd.toml"), "run"]
    with subprocess.Popen(reachable(*command), stderr=subprocess.DEVNULL) as daemon:
        try:
            deadline = time.monotonic() + 30
            while not (host.folder / "syncd.db.sock").exists():
                assert daemon.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            result = Path(f"/proc/{daemon.pid}/status").read_text()
            assert f"Uid:\t{USER}\t{USER}\t{USER}\t{USER}\n" in result
            assert f"Gid:\t{USER}\t{USER}\t{USER}\t{USER}\n" in result
            assert "Groups:\t \n" in result
            assert "CapPrm:\t0000000000000000\n" in result
            ended = host.syncd("resync", "--json", seconds=60)
            assert (ended.code, json.loads(ended.out)["converged"]) == (0, True)
        finally:
            daemon.terminate()
    assert daemon.returncode == 0
    assert owners(host.folder) == {USER}


def test_dropped_root_privileges_cannot_be_regained(host: Host) -> None:
    code = f"""
import os
from pathlib import Path
from syncd.cli.privileges import become, file_owner
state = Path({str(host.state)!r})
become(file_owner(state), state)
assert file_owner(state) is None
for regain in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgroups([0]),
               lambda: os.chown(state, 0, 0), lambda: open({str(host.victim)!r})):
    try:
        regain()
    except PermissionError:
        continue
    raise SystemExit("regained")
assert os.umask(0) == 0o077
"""
    subprocess.run(reachable(sys.executable, "-c", code), check=True)


def test_a_new_state_belongs_to_the_owner_of_its_folder(host: Host) -> None:
    shutil.rmtree(host.folder)
    os.chown(host.folder.parent, USER, USER)
    assert host.syncd("migrate").code == 0
    assert owners(host.folder) == {USER}
    assert stat.S_IMODE(host.folder.stat().st_mode) == 0o700


def test_a_state_of_roots_own_stays_roots(host: Host) -> None:
    for path in (host.folder, *host.folder.iterdir()):
        os.chown(path, 0, 0)
    assert [host.syncd(c).code for c in ("migrate", "status")] == [0, 0]
    assert owners(host.folder) == {0}


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o720])
def test_root_refuses_a_folder_of_its_own_that_others_may_write_to(host: Host, mode: int) -> None:
    for path in (host.folder, *host.folder.iterdir()):
        os.chown(path, 0, USER)
    link("syncd.db.lock")(host)
    host.folder.chmod(mode)
    for command in ("migrate", "status"):
        ended = host.syncd(command)
        assert ended.code == 1
        assert "other users may write to" in ended.err
    assert host.given() == []


def test_a_folder_of_root_inside_a_shared_folder_is_accepted(host: Host) -> None:
    for path in (host.folder, *host.folder.iterdir()):
        os.chown(path, 0, 0)
    host.folder.parent.chmod(0o1777)
    assert host.syncd("migrate").code == 0
    host.folder.parent.chmod(0o777)
    assert "other users may write to" in host.syncd("migrate").err


def test_a_link_of_another_user_in_a_shared_folder_is_not_followed(host: Host) -> None:
    shutil.rmtree(host.folder)
    host.folder.parent.chmod(0o1777)
    host.folder.symlink_to(host.vault)
    os.chown(host.folder, USER, USER, follow_symlinks=False)
    host.syncd("migrate")
    assert host.given() == []


def test_a_link_of_roots_own_leads_to_the_folder_of_the_service(host: Host) -> None:
    (host.home / "link").symlink_to(host.folder)
    config = CONFIG.format(state=host.home / "link" / "syncd.db")
    (host.etc / "syncd.toml").write_text(config)
    assert host.syncd("migrate").code == 0
    assert owners(host.folder) == {USER}


def test_a_state_its_owner_cannot_reach_is_refused_with_a_remedy(host: Host) -> None:
    host.folder.parent.chmod(0o700)
    ended = host.syncd("status")
    assert ended.code == 1
    assert f"user {USER}" in ended.err
    assert "chmod o+x" in ended.err


def test_a_program_the_owner_cannot_read_is_refused_before_the_work(host: Host) -> None:
    place = host.home / "program"
    place.mkdir(mode=0o755)
    shutil.copytree(Path(syncd.__file__).parent, place / "syncd")
    (place / "syncd").chmod(0o700)
    command = [sys.executable, "-m", "syncd", "--config", str(host.etc / "syncd.toml"), "status"]
    env = {**os.environ, "PYTHONPATH": str(place)}
    done = subprocess.run(
        reachable(*command), env=env, cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "install syncd where every user can read it" in " ".join(done.stderr.split())


def test_a_database_of_another_user_in_a_folder_of_roots_is_refused(host: Host) -> None:
    os.chown(host.folder, 0, 0)
    host.folder.chmod(0o755)
    ended = host.syncd("migrate")
    assert ended.code == 1
    assert f"belongs to user {USER}" in " ".join(ended.err.split())


# --- files that a command writes elsewhere --------------------------------------------------------


def test_a_backup_is_not_written_where_a_link_of_the_services_leads(host: Host) -> None:
    (host.folder / "backups").symlink_to(host.vault)
    link("copy.db")(host)
    for file in ("backups/copy.db", "copy.db"):
        host.syncd("backup", "--force", host.folder / file)
    assert host.given() == []


@pytest.mark.parametrize("closed", [True, False])
def test_a_backup_into_a_third_users_folder_follows_no_link_there(host: Host, closed: bool) -> None:
    theirs = host.home / "bob"
    theirs.mkdir(mode=0o700 if closed else 0o755)
    (theirs / "sub").symlink_to(host.vault)
    (theirs / "copy.db").symlink_to(host.victim)
    os.chown(theirs, USER + 1, USER + 1)
    assert host.syncd("backup", theirs / "sub" / "copy.db").code == 1
    assert host.syncd("backup", theirs / "copy.db").code == 1
    assert host.syncd("backup", "--force", theirs / "copy.db").code == 0
    assert host.given() == []
    made = (theirs / "copy.db").lstat()
    assert (made.st_uid, stat.S_IMODE(made.st_mode)) == (0, 0o600)


def test_a_failed_backup_keeps_the_previous_one(host: Host) -> None:
    copy = host.etc / "copy.db"
    assert host.syncd("backup", copy).code == 0
    before, names = copy.read_bytes(), sorted(p.name for p in host.etc.iterdir())
    host.state.write_bytes(host.state.read_bytes()[:9000])
    ended = host.syncd("backup", "--force", copy)
    assert ended.code == 1
    assert "damaged" in ended.err
    assert copy.read_bytes() == before
    assert sorted(p.name for p in host.etc.iterdir()) == names


def test_a_restore_does_not_show_a_file_of_roots_to_the_service(host: Host) -> None:
    link("old.db")(host)
    hard_link("older.db")(host)
    for name in ("old.db", "older.db"):
        ended = host.syncd("restore", "--yes", host.folder / name)
        assert ended.code == 1
        assert "unexpected" not in ended.err
    assert host.syncd("restore", "--yes", host.victim).code == 1
    assert host.given() == []
    assert not [p for p in host.folder.iterdir() if ".new-" in p.name]


@pytest.mark.prove
def test_a_trace_is_not_written_through_a_link_in_a_shared_folder(host: Host) -> None:
    shared = host.home / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    trace = shared / "trace"
    trace.symlink_to(host.victim)
    os.chown(trace, USER, USER, follow_symlinks=False)
    host.syncd("simulate", "--seeds", 1, "--hours", 1, "--trace", trace, seconds=60)
    assert host.given() == []
    assert "scenario" in trace.read_text()


# --- files that a command reads -------------------------------------------------------------------


def test_a_configuration_of_the_service_user_is_not_read_as_root(host: Host) -> None:
    text = CONFIG.format(state=host.vault / "new" / "syncd.db")
    planted = host.folder / "syncd.toml"
    planted.write_text(text.replace('"token"', f'"{host.victim}"'))
    os.chown(planted, USER, USER)
    for command in (["migrate"], ["check"], ["plan"], ["discover"], ["status"]):
        ended = host.root.run(*command, folder=host.folder)
        assert ended.code in {1, 2}
        assert "ermission denied" in " ".join(ended.err.split()), ended
    assert host.given() == []


@pytest.mark.parametrize("way", ["file", "env_file"])
def test_a_secret_in_another_users_folder_must_be_that_users(host: Host, way: str) -> None:
    theirs = host.home / "bob"
    theirs.mkdir(mode=0o755)
    os.chown(theirs, USER + 1, USER + 1)
    secret = theirs / "token"
    text = (host.etc / "syncd.toml").read_text()
    if way == "file":
        text = text.replace('"token"', f'"{secret}"')
    else:
        text = text.replace('{ file = "token" }', '{ env = "TOKEN" }')
        text = text.replace("[syncd]", f'[syncd]\nenv_file = "{secret}"')
    (host.etc / "syncd.toml").write_text(text)
    host.victim.write_text("TOKEN=of-root")
    secret.symlink_to(host.victim)
    assert "can replace the file" in " ".join(host.syncd("check", "--offline").err.split())
    secret.unlink()
    os.link(host.victim, secret)
    assert "can replace the file" in " ".join(host.syncd("check", "--offline").err.split())
    secret.unlink()
    secret.write_text("TOKEN=theirs")
    secret.chmod(0o600)
    os.chown(secret, USER + 1, USER + 1)
    assert host.syncd("check", "--offline").code == 0


def test_a_secret_behind_a_link_of_roots_own_is_read(host: Host) -> None:
    (host.vault / "token").write_text("pit-token")
    (host.vault / "token").chmod(0o600)
    (host.etc / "token").unlink()
    (host.etc / "token").symlink_to(host.vault / "token")
    assert host.syncd("check", "--offline").code == 0
