"""Each requirement has a planted bug, each planted bug is caught, and the page lists it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.lab.simulate.every_plant import PLANTS
from tests.planted.line import Line
from tests.planted.lines import LINES
from tests.planted.page import PAGE, page
from tests.planted.plugin import BUG, MODULES
from tests.prove import HOUSE

NAMED = [pair for line in LINES for pair in line.named]
SIMULATED = {plant.__name__ for plant, _ in PLANTS}


@cache
def _tests_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.demand)
def test_each_demand_has_a_bug_that_is_there_and_a_test_that_is_there(line: Line) -> None:
    assert line.simulated or line.named or line.also
    assert set(line.simulated) <= SIMULATED
    for test in (*(test for _, test in line.named), *line.also):
        path, _, name = test.partition("::")
        assert name in _tests_in(HOUSE / path), test


def test_each_bug_that_is_planted_for_a_named_test_is_in_the_table() -> None:
    here = {
        name
        for module in MODULES
        for name, each in vars(module).items()
        if getattr(each, "__module__", "") == module.__name__ and callable(each)
    }
    simulated = {name for line in LINES for name in line.simulated}
    assert here - simulated == {bug for bug, _ in NAMED}


def test_the_page_matches_the_table() -> None:
    assert PAGE.read_text() == page().rstrip("\n") + "\n", "run: python -m tests.planted.page"


@pytest.mark.prove
@pytest.mark.parametrize(("bug", "test"), NAMED, ids=[bug for bug, _ in NAMED])
def test_a_named_test_fails_with_its_planted_bug_and_only_then(bug: str, test: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    plain = subprocess.run(command, cwd=HOUSE, check=False, capture_output=True, text=True)
    assert plain.returncode == pytest.ExitCode.OK, plain.stdout
    planted = subprocess.run(
        [*command, "-p", "tests.planted.plugin"],
        cwd=HOUSE,
        env={**os.environ, BUG: bug},
        check=False,
        capture_output=True,
        text=True,
    )
    assert planted.returncode == pytest.ExitCode.TESTS_FAILED, planted.stdout
