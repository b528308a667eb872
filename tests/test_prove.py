"""`make prove` skips proven tests however a run ended; skipped tests are reported."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.prove import FAILED, JUDGED, PASSED, Ledger, digest

HOUSE = Path(__file__).parents[1]
CONFTEST = 'pytest_plugins = ["tests.prove", "tests.skips"]\n'
LONG = """
import pathlib, time, pytest
here = pathlib.Path(__file__).parent

def test_short(): pass

@pytest.mark.prove
@pytest.mark.parametrize("number", range(6))
def test_long(number):
    with (here / "played").open("a") as file:
        file.write(str(number))
    assert not (here / f"breaks{number}").exists()
    while (here / f"hangs{number}").exists():
        time.sleep(0.01)
"""


class Folder:
    """A folder with its own tests, run like `make test` and `make prove`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "conftest.py").write_text(CONFTEST)
        (path / "pytest.ini").write_text("[pytest]\nmarkers = prove\nxfail_strict = true\n")

    def start(self, *options: str, ci: str = "") -> subprocess.Popen[str]:
        ledgers = f"--ledgers={self.path / 'ledgers'}"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ledgers]
        env = {
            **os.environ,
            "PYTHONPATH": str(HOUSE),
            "CI": ci,
            "PYTEST_ADDOPTS": "",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        return subprocess.Popen(
            [*command, *options],
            cwd=self.path,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *options: str, ci: str = "") -> tuple[int, str]:
        running = self.start(*options, ci=ci)
        output, _ = running.communicate(timeout=60)
        return running.returncode, output

    def proven(self) -> set[str]:
        """Return the tests in the ledger."""
        ledgers = (self.path / "ledgers").glob("*")
        return {test for ledger in ledgers for test in Ledger(ledger).read()}

    def played(self) -> str:
        """Return the numbers that were played since the last call."""
        file = self.path / "played"
        found = file.read_text() if file.exists() else ""
        file.unlink(missing_ok=True)
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "test_long.py").write_text(LONG)
    return Folder(tmp_path)


def test_a_test_that_takes_long_runs_only_where_it_is_asked_for(folder: Folder) -> None:
    code, output = folder.run()
    assert (code, folder.played()) == (0, "")
    assert "1 passed, 6 deselected" in output
    assert folder.run("test_long.py::test_long[3]")[0] == 0
    assert folder.played() == "3"


@pytest.mark.prove
def test_proven_tests_are_skipped_and_failed_ones_run_first(folder: Folder) -> None:
    (folder.path / "breaks4").touch()
    code, output = folder.run("--prove")
    assert (code, folder.played()) == (1, "012345")
    assert "prove: 5 proven, 1 failed for these files" in output
    (folder.path / "breaks4").unlink()
    (folder.path / "hangs5").touch()
    assert folder.run("--prove")[0] == 0
    assert folder.played() == "4"
    code, output = folder.run("--prove")
    assert (code, folder.played()) == (0, "")
    assert "prove: 6 proven, 0 failed for these files" in output


XDIST = ["-p", "xdist", "-n", "1"]


@pytest.mark.prove
@pytest.mark.parametrize(
    ("name", "processes"),
    [
        ("SIGINT", []),
        ("SIGTERM", []),
        ("SIGKILL", XDIST),
        # Their last processes take some seconds to end.
        pytest.param("SIGINT", XDIST, marks=pytest.mark.prove),
        pytest.param("SIGTERM", XDIST, marks=pytest.mark.prove),
    ],
    ids=str,
)
def test_a_stopped_proof_continues_where_it_was(
    folder: Folder, name: str, processes: list[str]
) -> None:
    (folder.path / "hangs3").touch()
    running = folder.start("--prove", *processes)
    until = time.monotonic() + 60
    while len(folder.proven()) < 3:
        assert time.monotonic() < until
        time.sleep(0.02)
    running.send_signal(getattr(signal, name))
    output, _ = running.communicate(timeout=60)
    assert running.returncode != 0, output
    (folder.path / "played").unlink()
    (folder.path / "hangs3").unlink()
    assert folder.run("--prove", *processes)[0] == 0
    assert folder.played() == "345"


def test_a_line_that_was_not_finished_proves_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.note("one", PASSED)
    ledger.path.write_text(ledger.path.read_text() + "passed tw")
    assert ledger.read() == {"one": PASSED}
    ledger.note("two", FAILED)
    assert ledger.read() == {"one": PASSED, "tw": PASSED, "two": FAILED}


def test_every_change_of_a_tested_file_needs_a_new_proof(tmp_path: Path) -> None:
    for name in JUDGED:
        (tmp_path / name).touch()
    (tmp_path / "syncd").unlink()
    (tmp_path / "syncd").mkdir()
    states = [digest(tmp_path)]
    for name, text in (("syncd/a.py", "1"), ("syncd/a.py", "2"), ("constraints.txt", "a==1")):
        (tmp_path / name).write_text(text)
        states.append(digest(tmp_path))
    (tmp_path / "syncd/a.py").rename(tmp_path / "syncd/b.py")
    states.append(digest(tmp_path))
    assert len(set(states)) == len(states)
    (tmp_path / "README.md").touch()
    assert digest(tmp_path) == states[-1]


SKIPPED = {
    "mark": "@pytest.mark.skip(reason='no moon')\ndef test_it(): pass",
    "condition": "@pytest.mark.skipif(True, reason='no moon')\ndef test_it(): pass",
    "inside": "def test_it(): pytest.skip('no moon')",
    "fixture": "@pytest.fixture\ndef moon(): pytest.skip('no moon')\ndef test_it(moon): pass",
    "file": "pytest.skip('no moon', allow_module_level=True)",
    "module": "pytest.importorskip('moon', reason='no moon')",
    "expected": "@pytest.mark.xfail(reason='no moon')\ndef test_it(): assert False",
    "told": "def test_it(): pytest.xfail('no moon')",
}


@pytest.mark.prove
def test_a_test_that_does_not_run_fails_under_ci(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for name, text in SKIPPED.items():
        (tmp_path / f"test_{name}.py").write_text(f"import pytest\n{text}\n")
    code, output = folder.run("-rfE", "--continue-on-collection-errors", ci="true")
    assert code == 1
    for name in SKIPPED:
        told = (
            rf"(FAILED|ERROR) test_{name}\.py.* did not run, which CI=true does not allow: no moon"
        )
        assert re.search(told, output), output
    assert folder.run()[0] == 0


def test_a_listed_reason_does_not_fail(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    listed = "import tests.skips\ntests.skips.ALLOWED = {'no moon': 'it is day'}\n"
    (tmp_path / "conftest.py").write_text(CONFTEST + listed)
    text = "import pytest\ndef test_it(): pytest.skip('no moon')\n"
    (tmp_path / "test_moon.py").write_text(text)
    assert folder.run(ci="true")[0] == 0


@pytest.mark.prove
@pytest.mark.parametrize("option", ["-k=short", "-m=not slow"])
def test_a_deselected_test_fails_under_ci(tmp_path: Path, option: str) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\n")
    text = "import pytest\n@pytest.mark.slow\ndef test_it(): pass\ndef test_short(): pass\n"
    (tmp_path / "test_moon.py").write_text(text)
    code, output = folder.run(option, ci="true")
    assert code == 1
    assert re.search("test_moon.py::test_it .*: left out by an option", output), output
    assert folder.run(option)[0] == 0
