"""Packaging: the pins, the declared dependencies, and the wheel."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from syncd import __version__

HOUSE = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))
PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[0-9][A-Za-z0-9.]*)")
IMPORTED_AS = {"prometheus-client": "prometheus_client", "python-dateutil": "dateutil"}
DATA_ONLY = {"tzdata"}
"""Used without an import: zoneinfo loads it."""

BENCH_ONLY = {"pyperf"}
"""What only `syncd/lab/bench` imports: a checkout has it, a user does not need it."""


def pins(text: str) -> dict[str, str]:
    """Return the pinned versions by canonical name.

    Raise ValueError for a line that is not a pin.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        if (pin := PIN.fullmatch(line)) is None:
            raise ValueError(f"not a pin: {line}")
        found[canonicalize_name(pin["name"])] = pin["version"]
    return found


def runtime() -> list[Requirement]:
    return [Requirement(text) for text in PROJECT["project"]["dependencies"]]


def everything() -> list[Requirement]:
    extras = PROJECT["project"]["optional-dependencies"]["dev"]
    built_with = PROJECT["build-system"]["requires"]
    return [*runtime(), *(Requirement(text) for text in (*extras, *built_with))]


def third_party(root: Path) -> set[str]:
    """Return the third-party top-level modules that the files under ``root`` import."""
    names = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"syncd"}


@pytest.mark.parametrize("requirement", everything(), ids=lambda requirement: requirement.name)
def test_each_dependency_is_pinned_within_its_bounds(requirement: Requirement) -> None:
    pinned = pins((HOUSE / "constraints.txt").read_text("utf-8"))
    assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)])


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.com/simple",
        "name @ https://example.com/name.whl",
        "-e .",
        "name>=1",
        "name==1 --hash=sha256:00",
        "name==1 ; python_version < '3'",
        "",
    ],
)
def test_a_line_that_is_no_plain_pin_is_noticed(line: str) -> None:
    with pytest.raises(ValueError, match="not a pin"):
        pins(f"name==1.0\n{line}\nother==2.0\n")


def test_imported_and_declared_dependencies_are_the_same() -> None:
    declared = {IMPORTED_AS.get(r.name, r.name) for r in runtime()} - DATA_ONLY
    assert third_party(HOUSE / "syncd") - BENCH_ONLY == declared


def test_an_import_inside_a_function_counts(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("import json\ndef f():\n    from httpx import get\n")
    assert third_party(tmp_path) == {"httpx"}


@pytest.mark.parametrize("requirement", runtime(), ids=lambda requirement: requirement.name)
def test_each_runtime_dependency_says_why_it_is_here(requirement: Requirement) -> None:
    assert f"| {requirement.name} |" in (HOUSE / "docs/dependencies.md").read_text("utf-8")


def test_the_change_log_knows_this_version() -> None:
    assert f"\n## {__version__}" in (HOUSE / "CHANGELOG.md").read_text("utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel from this checkout, without writing into the checkout."""
    target = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, HOUSE],
        check=False,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = target.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.mark.slow
def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    shipped = {n for n in wheel.namelist() if ".dist-info/" not in n}
    here = (p for p in (HOUSE / "syncd").rglob("*") if p.is_file() and p.suffix != ".pyc")
    assert shipped == {p.relative_to(HOUSE).as_posix() for p in here}


@pytest.mark.slow
def test_the_wheel_brings_the_migrations_and_the_types(wheel: zipfile.ZipFile) -> None:
    shipped = set(wheel.namelist())
    migrations = "syncd/store/migrations"
    assert {"syncd/py.typed", f"{migrations}/env.py", f"{migrations}/script.py.mako"} <= shipped
    assert any(n.startswith(f"{migrations}/versions/m0001") for n in shipped)


@pytest.mark.slow
def test_the_wheel_says_the_version_and_the_command(wheel: zipfile.ZipFile) -> None:
    about = f"syncd-{__version__}.dist-info"
    text = HeaderParser().parsestr(wheel.read(f"{about}/METADATA").decode())
    assert (text["Version"], text["Requires-Python"]) == (__version__, ">=3.11")
    assert "syncd = syncd.cli.main:main" in wheel.read(f"{about}/entry_points.txt").decode()
