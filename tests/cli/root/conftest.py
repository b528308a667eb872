"""Fixtures: a new host for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncd.model import Changes
from syncd.store import Store
from tests.cli.root.helper import Root
from tests.cli.root.host import CONFIG, SECRET, Host, give_away
from tests.store.kit import note


@pytest.fixture(scope="session")
def root() -> Iterator[Root]:
    """Yield the helper process that runs the commands."""
    started = Root()
    yield started
    started.close()


@pytest.fixture
def host(root: Root) -> Iterator[Host]:
    """Return a host on which the service has run."""
    home = Path(tempfile.mkdtemp(prefix="syncd-host-"))
    home.chmod(0o755)
    made = Host(root, home)
    made.etc.mkdir(mode=0o755)
    made.vault.mkdir(mode=0o700)
    made.folder.mkdir(parents=True)
    made.victim.write_text(SECRET)
    made.victim.chmod(0o600)
    (made.etc / "syncd.toml").write_text(CONFIG.format(state=made.state))
    (made.etc / "token").write_text("pit-token")
    (made.etc / "token").chmod(0o600)
    with closing(Store.open(made.state)) as store:
        store.apply(Changes(history=[note("seen")]))
    (made.folder / "syncd.db.lock").touch(mode=0o600)
    give_away(made.folder)
    yield made
    shutil.rmtree(home)
