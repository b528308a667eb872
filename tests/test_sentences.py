"""No decision depends on a sentence: the product does not compare with texts for people."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

import pytest

from tests.test_house import committed, imports

TYPED = ("syncd/core/", "syncd/engine/", "syncd/store/", "syncd/systems/")
SENTENCES = {
    # How a value was agreed, or why a write was made, is still stored as text.
    "syncd/core/propagation/appointments.py compares with 'one change'",
    "syncd/core/matching/rebooked.py compares with 'cancelled and booked anew'",
    "syncd/core/reconcile.py compares with 'one change'",
    "syncd/engine/report/run_report.py compares with 'known events'",
    "syncd/store/queries/owned.py compares with 'a person chose it in syncd cleanup: it bears a tag that stands only once'",  # noqa: E501
    # What the database and its driver say.
    "syncd/store/errors.py compares with 'disk i/o error'",
    "syncd/store/schema.py compares with 'CREATE TABLE'",
    # What the platforms say.
    "syncd/systems/leadconnector/associations.py compares with 'duplicate relation'",
    "syncd/systems/leadconnector/discover.py compares with 'access to this location'",
    "syncd/systems/leadconnector/faults.py compares with 'already been deleted'",
    "syncd/systems/leadconnector/faults.py compares with 'command timed out'",
    "syncd/systems/leadconnector/faults.py compares with 'no longer available'",
    "syncd/systems/leadconnector/faults.py compares with 'not yet supported by the iam'",
    "syncd/systems/leadconnector/faults.py compares with 'team member'",
    "syncd/systems/leadconnector/faults.py compares with 'version header'",
    "syncd/systems/leadconnector/probing.py compares with 'syncd probe'",
    "syncd/systems/leadconnector/scope_remedies.py compares with 'not authorized for this scope'",
    "syncd/systems/leadconnector_v1/faults.py compares with 'not yet supported by the iam'",
}
"""The comparisons with a sentence that remain; no other may be added."""


def constants(path: str, source: str) -> dict[str, ast.expr]:
    """Return what the file binds to names at its top level, by full name."""
    module = path.removesuffix(".py").replace("/", ".")
    named: dict[str, ast.expr] = {}
    for node in ast.parse(source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                named[f"{module}.{name}"] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                named[f"{module}.{name}"] = value
    return named


def sentence_decisions(path: str, source: str, known: Mapping[str, ast.expr]) -> list[str]:
    """Return the comparisons with a sentence: a constant that contains a space.

    It may be written out, or be one of the ``known`` constants of the file or of its imports.
    """
    tree = ast.parse(source)
    module = path.removesuffix(".py").replace("/", ".")
    named = {
        name.rpartition(".")[2]: value
        for name, value in known.items()
        if name.rpartition(".")[0] == module
    }
    named |= {name: known[full] for name, full in imports(path, ast.walk(tree)) if full in known}
    found = []
    for node in ast.walk(tree):
        operands: Sequence[ast.expr] = []
        match node:
            case ast.Compare(left=left, comparators=others):
                operands = [left, *others]
            case ast.Call(func=ast.Attribute(attr="startswith" | "endswith"), args=arguments):
                operands = arguments
            case ast.MatchValue(value=value):
                operands = [value]
        for operand in operands:
            meant = named.get(operand.id, operand) if isinstance(operand, ast.Name) else operand
            found += [f"{path} compares with {text!r}" for text in sentences(meant)]
    return found


def sentences(node: ast.expr) -> list[str]:
    """Return the texts with a space in a constant, or in a tuple, list or set of constants."""
    match node:
        case ast.Constant(value=str() as text) if " " in text.strip():
            return [text]
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return [text for part in parts for text in sentences(part)]
    return []


@pytest.fixture(scope="module")
def product() -> dict[str, str]:
    return {p: s for p, s in committed().items() if p.startswith("syncd/") and p.endswith(".py")}


def test_no_new_decision_depends_on_a_sentence(product: dict[str, str]) -> None:
    known = {n: v for path, source in product.items() for n, v in constants(path, source).items()}
    decided = {
        decision
        for path, source in product.items()
        if path.startswith(TYPED)
        for decision in sentence_decisions(path, source, known)
    }
    assert decided == SENTENCES, "decide on data, and drop a line of SENTENCES that is gone"


@pytest.mark.parametrize(
    "planted",
    [
        'if rule == "one change": pass',
        'if rule in {"", "one change"}: pass',
        'if rule.startswith("undo of run "): pass',
        'match rule:\n    case "one change": pass',
        'RULE = "one change"\nif rule == RULE: pass',
    ],
)
def test_a_decision_on_a_sentence_is_noticed(planted: str) -> None:
    known = constants("syncd/core/a.py", planted)
    assert len(sentence_decisions("syncd/core/a.py", planted, known)) == 1


def test_a_sentence_of_another_module_is_noticed() -> None:
    known = constants("syncd/core/b.py", 'RULE = "one change"\nCODE = "one"')
    source = "from syncd.core.b import CODE, RULE\nif rule == RULE or rule == CODE: pass"
    assert sentence_decisions("syncd/core/a.py", source, known) == [
        "syncd/core/a.py compares with 'one change'"
    ]
