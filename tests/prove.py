"""`make prove`: long tests that can be stopped and continued.

A test marked ``prove`` runs only with ``--prove``, or if it is named on the command line. Passed
tests are stored in a file of `.prove`, one per state of the tested files. The next run skips them,
and starts with the tests that failed.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).parents[1]
LEDGERS = HOUSE / ".prove"
JUDGED = ("syncd", "tests", "deploy", "pyproject.toml", "constraints.txt")
PASSED, FAILED = "passed", "failed"
BEFORE = pytest.StashKey[dict[str, str]]()
PASSED_ON = "proven before"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("prove", "tests that take long")
    group.addoption("--prove", action="store_true", help="run what takes long, and only that")
    group.addoption("--seeds", type=int, default=300, help="simulated days to prove (300)")
    group.addoption("--ledgers", type=Path, default=LEDGERS, help="folder of what was proven")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if not config.option.prove:
        return
    given: dict[str, Any] | None = getattr(config, "workerinput", None)
    if given is None:
        ledger = Ledger(config.option.ledgers / digest())
        config.stash[BEFORE] = ledger.read()
        config.pluginmanager.register(Notes(ledger, config.stash[BEFORE]))
    else:
        # All processes of xdist must find the same tests, so the first one tells what passed.
        config.stash[BEFORE] = given[PASSED_ON]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    named = any("::" in arg for arg in config.args)
    before = config.stash.get(BEFORE, None)
    selected: list[pytest.Item] = []
    deselected: list[pytest.Item] = []
    for item in items:
        long = "prove" in item.keywords
        new = long and before is not None and before.get(item.nodeid) != PASSED
        here = before is None and (named or not long)
        (selected if new or here else deselected).append(item)
    if deselected:
        config.hook.pytest_deselected(items=deselected)
    if before:
        selected.sort(key=lambda item: before.get(item.nodeid) != FAILED)
    items[:] = selected


def digest(house: Path = HOUSE) -> str:
    """Return a digest of the tested files and the Python version."""
    found = hashlib.sha256(sys.version.encode())
    for path in sorted(_files(house)):
        content = path.read_bytes()
        found.update(f"{path.relative_to(house)} {len(content)} ".encode())
        found.update(content)
    return found.hexdigest()[:16]


def _files(house: Path) -> Iterator[Path]:
    for name in JUDGED:
        place = house / name
        inside = place.rglob("*") if place.is_dir() else (place,)
        yield from (p for p in inside if p.is_file() and "__pycache__" not in p.parts)


class Ledger:
    """A file with one line per outcome; the last line of a test counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def read(self) -> dict[str, str]:
        """Return the outcome of each test. Ignore a line that a killed run left incomplete."""
        if not self.path.exists():
            return {}
        lines = self.path.read_text("utf-8").split("\n")[:-1]
        rows = (line.partition(" ") for line in lines)
        return {test: outcome for outcome, _, test in rows if outcome in {PASSED, FAILED}}

    def note(self, test: str, outcome: str) -> None:
        """Append an outcome; when this returns, it is in the file."""
        torn = self.path.exists() and not self.path.read_bytes().endswith(b"\n")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(("\n" if torn else "") + f"{outcome} {test}\n")


class Notes:
    """Record passed and failed tests, in the process that all xdist workers report to."""

    def __init__(self, ledger: Ledger, before: dict[str, str]) -> None:
        self.ledger = ledger
        self.before = before
        self.seen: dict[str, set[str]] = {}

    def counts(self) -> str:
        """Return a line with the numbers of proven and failed tests."""
        found = Counter(self.ledger.read().values())
        return f"prove: {found[PASSED]} proven, {found[FAILED]} failed for these files"

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[PASSED_ON] = self.before

    def pytest_report_header(self) -> str:
        return f"{self.counts()} so far"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        seen = self.seen.setdefault(report.nodeid, set())
        seen.add(report.outcome)
        if report.failed:
            self.ledger.note(report.nodeid, FAILED)
        elif report.when == "teardown" and seen == {PASSED}:
            self.ledger.note(report.nodeid, PASSED)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        nothing_left = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
        if nothing_left and PASSED in self.before.values():
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(self.counts())
