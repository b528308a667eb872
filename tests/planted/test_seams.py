"""Plants go through public names, so that a rename inside a module breaks no proof."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath

import pytest

from tests.planted.swap import is_private
from tests.prove import HOUSE

TESTS = HOUSE / "tests"
PATCHING = {"setattr", "delattr", "setitem", "delitem"}
PLANTS = ("tests/planted/*.py", "tests/lab/simulate/plants*.py", "tests/*/test_planted*.py")
"""Files that only plant bugs. In other files, tests patch besides other things that they do."""

EXCEPTIONS: Mapping[str, str] = {
    "tests/engine/test_flooded.py: asyncio.Handle._run": (
        "it measures each step of the event loop, and the loop has no public hook for that"
    ),
}
"""The private names that tests replace all the same, each with the reason."""

NAMED_TUPLES = {"_replace", "_asdict", "_fields"}
"""Public in spite of their underscore (collections.namedtuple)."""


def private_patches(path: str, tree: ast.AST) -> Iterator[str]:
    """Yield each private name that a call of ``monkeypatch.setattr`` and the like replaces."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr not in PATCHING or not node.args:
            continue
        named, *rest = node.args
        name = ast.unparse(named).strip("\"'")
        if rest and isinstance(rest[0], ast.Constant) and isinstance(rest[0].value, str):
            name = f"{name}.{rest[0].value}"
        if any(is_private(word) for word in name.split(".")):
            yield f"{path}: {name}"


def dotted_names(path: str, tree: ast.AST) -> Iterator[str]:
    """Yield each text that names a module of syncd and a part of it; no type checker reads it."""
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and re.fullmatch(r"syncd(\.\w+)+", text):
            yield f"{path}: {text}"


def private_names(path: str, tree: ast.AST) -> Iterator[str]:
    """Yield each private name of another module or object that a file of plants uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if is_private(node.attr) and node.attr not in NAMED_TUPLES:
                yield f"{path}: {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{path}: {each.name}" for each in node.names if is_private(each.name))


def _files() -> Iterator[tuple[str, ast.AST]]:
    for file in sorted(TESTS.rglob("*.py")):
        yield str(file.relative_to(HOUSE)), ast.parse(file.read_text("utf-8"))


def _only_plants(path: str) -> bool:
    return any(PurePath(path).match(pattern) for pattern in PLANTS)


def test_no_test_replaces_a_private_name_except_those_listed() -> None:
    found = {name for path, tree in _files() for name in private_patches(path, tree)}
    assert found == EXCEPTIONS.keys()


def test_no_plant_uses_a_private_name_of_what_it_breaks() -> None:
    plants = [(path, tree) for path, tree in _files() if _only_plants(path)]
    assert len(plants) > len(PLANTS), "no plants were found"
    assert [name for path, tree in plants for name in private_names(path, tree)] == []


def test_no_plant_names_a_part_of_syncd_in_a_text() -> None:
    files = [each for each in _files() if _only_plants(each[0])]
    texts = [text for path, tree in files for text in dotted_names(path, tree)]
    assert [text for text in texts if "test_seams" not in text] == []


@pytest.mark.parametrize(
    "source",
    [
        "patch.setattr(blocks, '_shown', f)",
        "patch.setattr('syncd.core.blocks.wanted._shown', f)",
        "patch.setattr(probing._Steps, 'by_id', f)",
        "monkeypatch.setitem(fields._WRITABLE, 'new', 1)",
    ],
)
def test_a_patch_of_a_private_name_is_noticed(source: str) -> None:
    assert list(private_patches("x", ast.parse(source))) != []


@pytest.mark.parametrize(
    "source",
    ["blocks._shown(block)", "from syncd.core.blocks.wanted import _shown", "log._stored = {}"],
)
def test_a_use_of_a_private_name_in_a_plant_is_noticed(source: str) -> None:
    assert list(private_names("x", ast.parse(source))) != []


def test_public_names_are_allowed() -> None:
    source = "patch.setattr(Account, '__init__', f)\nswap(patch, Store.apply, f)\nx._replace(a=1)"
    tree = ast.parse(source)
    assert [*private_patches("x", tree), *private_names("x", tree)] == []
