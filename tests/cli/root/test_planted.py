"""Traps of the service user in its own folder do no harm when root works there."""

from __future__ import annotations

import os
import shutil
from threading import Event, Thread

import pytest

from tests.cli.root.helper import NEEDS_ROOT, USER
from tests.cli.root.host import Host, fifo, hard_link, link

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason=NEEDS_ROOT)


def folder_is_a_link(host: Host) -> None:
    """Let the service own the parent folder, with links to root's files in it."""
    shutil.rmtree(host.folder)
    os.chown(host.folder.parent, USER, USER)
    host.folder.symlink_to(host.vault)


def folder_is_gone(host: Host) -> None:
    """Remove the folder, with a link to root's folder in the parent."""
    shutil.rmtree(host.folder.parent)
    host.folder.parent.mkdir()
    os.chown(host.folder.parent, USER, USER)
    host.folder.symlink_to(host.vault / "made")


PLANTS = {
    "lock links to a file of root's": link("syncd.db.lock"),
    "lock links into a folder of root's": link("syncd.db.lock", "new"),
    "lock is a second name of a file of root's": hard_link("syncd.db.lock"),
    "lock is a pipe": fifo("syncd.db.lock"),
    "database links to a file of root's": link("syncd.db"),
    "database links into a folder of root's": link("syncd.db", "new"),
    "database is a second name of a file of root's": hard_link("syncd.db"),
    "database is a pipe": fifo("syncd.db"),
    "log links to a file of root's": link("syncd.db-wal"),
    "log links into a folder of root's": link("syncd.db-wal", "new"),
    "log is a second name of a file of root's": hard_link("syncd.db-wal"),
    "log's index links to a file of root's": link("syncd.db-shm"),
    "log's index is a second name of a file of root's": hard_link("syncd.db-shm"),
    "journal links to a file of root's": link("syncd.db-journal"),
    "journal is a second name of a file of root's": hard_link("syncd.db-journal"),
    "journal is a pipe": fifo("syncd.db-journal"),
    "socket links to a file of root's": link("syncd.db.sock"),
    "folder links to a folder of root's": folder_is_a_link,
    "folder links to where root would make one": folder_is_gone,
}


@pytest.mark.parametrize("plant", PLANTS)
def test_links_planted_by_the_service_user_do_not_affect_root(host: Host, plant: str) -> None:
    PLANTS[plant](host)
    ended = [host.syncd(*command) for command in (["migrate"], ["status"], ["history"])]
    assert host.given() == []
    assert all(0 <= each.code <= 6 for each in ended), ended
    assert not any("unexpected" in each.err for each in ended), ended
    assert not any("$6$" in each.out + each.err for each in ended)


def test_a_folder_replaced_during_the_run_does_not_affect_root(host: Host) -> None:
    os.chown(host.folder.parent, USER, USER)
    away, stop = host.folder.with_name("away"), Event()

    def exchange() -> None:
        while not stop.is_set():
            host.folder.rename(away)
            try:
                host.folder.symlink_to(host.vault)
            except FileExistsError:  # The command has made the folder anew meanwhile.
                shutil.rmtree(host.folder, ignore_errors=True)
            else:
                stop.wait(0.0005)
                host.folder.unlink()
            away.rename(host.folder)
            stop.wait(0.0005)

    attacker = Thread(target=exchange)
    attacker.start()
    try:
        for _ in range(15):
            host.syncd("migrate")
    finally:
        stop.set()
        attacker.join()
    assert host.given() == []


COMMANDS = [
    ["status"],
    ["bookings"],
    ["history"],
    ["conflicts"],
    ["plan"],
    ["resync", "--yes"],
    ["resync", "--dry-run"],
    ["undo", "r1", "--yes"],
    ["conflicts", "show", "c1"],
    ["conflicts", "resolve", "c1", "--dismiss"],
    ["slots", "--provider", "alice"],
    ["check", "--offline"],
    ["provision", "--apply"],
    ["migrate"],
    ["backup", "{home}/etc/copy.db"],
    ["backup", "{home}/lib/syncd/copy.db"],
    ["restore", "--yes", "{home}/etc/old.db"],
    ["restore", "--yes", "{home}/lib/syncd/shadow"],
    ["run"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_does_as_root_what_the_services_user_prepared(
    host: Host, command: list[str]
) -> None:
    assert host.syncd("backup", host.etc / "old.db").code == 0
    for name in ("syncd.db-wal", "syncd.db-shm"):
        (host.folder / name).unlink(missing_ok=True)
    for name in ("syncd.db.lock", "syncd.db.sock", "shadow", "copy.db"):
        link(name)(host)
    hard_link("syncd.db-journal")(host)
    ended = host.syncd(*(word.format(home=host.home) for word in command), seconds=5)
    assert host.given() == []
    assert "$6$" not in ended.out + ended.err
    assert "unexpected" not in ended.err
    for path in host.folder.iterdir():
        assert (
            path.is_symlink()
            or path.samefile(host.victim)
            or "$6$" not in path.read_text("latin-1")
        )
