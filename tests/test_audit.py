"""Audit of the dependencies without a network (SECURITY.md)."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

HOUSE = Path(__file__).parents[1]
ADVISORIES: dict[str, Any] = tomllib.loads((HOUSE / "docs" / "advisories.toml").read_text("utf-8"))
FREE = re.compile(
    r"\b(MIT|BSD|Apache|PSF|Python Software Foundation|MPL|Mozilla Public|ISC|Unlicense)"
)


def shipped() -> Iterator[Distribution]:
    """Yield the installed distributions that syncd needs at run time."""
    todo, seen = ["syncd"], {"syncd"}
    while todo:
        for requirement in distribution(todo.pop()).requires or ():
            wanted = Requirement(requirement)
            name = canonicalize_name(wanted.name)
            if name in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
                continue
            seen.add(name)
            todo.append(name)
            yield distribution(name)


SHIPPED: dict[str, Distribution] = {canonicalize_name(d.name): d for d in shipped()}


def pinned() -> dict[str, str]:
    """Return the pinned versions by canonical name."""
    lines = (HOUSE / "constraints.txt").read_text().split()
    return {canonicalize_name(n): v for n, _, v in (line.partition("==") for line in lines)}


def vulnerable(versions: dict[str, str]) -> list[str]:
    """Return the packages with a version that an advisory covers."""
    return [
        f"{a['package']} {versions[a['package']]} is older than {a['fixed']}: {a['id']}"
        for a in ADVISORIES["advisory"]
        if a["package"] in versions and Version(versions[a["package"]]) < Version(a["fixed"])
    ]


def changed(found: Distribution) -> list[str]:
    """Return the installed files that differ from those that were published."""
    return [
        str(file)
        for file in found.files or ()
        if file.hash is not None and file.hash.mode == "sha256" and not file.name.endswith(".pyc")
        if _digest(Path(str(file.locate()))) != file.hash.value
    ]


def _digest(path: Path) -> str:
    found = hashlib.sha256(path.read_bytes()).digest()
    return base64.urlsafe_b64encode(found).decode().rstrip("=")


def test_every_dependency_is_the_pinned_version() -> None:
    assert {name: d.version for name, d in SHIPPED.items()}.items() <= pinned().items()


def test_no_pinned_version_is_older_than_an_advisorys_remedy() -> None:
    assert vulnerable(pinned()) == []
    assert vulnerable({"h11": "0.14.0"}) == ["h11 0.14.0 is older than 0.16.0: CVE-2025-43859"]


def test_an_advisory_names_a_package_that_could_be_there() -> None:
    assert {a["package"] for a in ADVISORIES["advisory"]} <= pinned().keys()


def test_the_dependencies_agree_with_each_other() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_no_file_was_changed_since_the_package_was_published(name: str) -> None:
    found = SHIPPED[name]
    assert found.files
    assert changed(found) == []


def test_a_changed_file_would_be_seen(tmp_path: Path) -> None:
    package, info = tmp_path / "made_up.py", tmp_path / "made_up-1.dist-info"
    package.write_text("good = True\n")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1\n")
    (info / "RECORD").write_text(f"made_up.py,sha256={_digest(package)},12\n")
    assert changed(Distribution.at(info)) == []
    package.write_text("good = Fals\n")
    assert changed(Distribution.at(info)) == ["made_up.py"]


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_licence_lets_syncd_be_given_away(name: str) -> None:
    requirement = SHIPPED[name].metadata
    licences = [
        *(requirement.get_all("License-Expression") or ()),
        *(requirement.get_all("License") or ()),
    ]
    licences += [c for c in requirement.get_all("Classifier") or () if c.startswith("License")]
    assert FREE.search(" ".join(licences)), licences
