"""Rules for the whole repository: imports, hidden inputs, file lengths, addresses."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
MOST_LINES = 450

BASE = {"model"}
ENGINE = BASE | {"core", "store", "systems"}
WIRING = ENGINE | {"config", "engine"}
DAEMON = WIRING | {"provision", "app", "accounts", "machine"}
PARTS = {"accounts", "cleanup_access", "cleanup_settings", "machine", "resource_adapters"}
LAB = {"lab.sandbox", "lab.simulate"}
IMPORTS: dict[str, set[str]] = {
    "model": set(),
    "core": BASE,
    "store": BASE,
    "systems": BASE,
    "config": BASE | {"core"},
    "engine": ENGINE,
    "provision": ENGINE | {"config"},
    "machine": set(),
    "accounts": WIRING,
    "app": WIRING
    | {"accounts", "cleanup_access", "cleanup_settings", "machine", "resource_adapters"},
    "resource_adapters": WIRING,
    "cleanup_settings": WIRING | {"resource_adapters"},
    "cleanup_access": WIRING | {"accounts", "cleanup_settings", "machine"},
    "daemon": DAEMON,
    "cli": DAEMON | {"cleanup_access", "daemon", "resource_adapters", *LAB},
    "lab": set(),
    "lab.sandbox": BASE,
    "lab.simulate": DAEMON | {"daemon", "lab.sandbox"},
    "lab.demo": DAEMON | {"cli", "daemon", "lab.sandbox"},
    "lab.bench": DAEMON | {"cli", "daemon", "lab.sandbox", "lab.simulate"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""Packages that each package may import, besides itself (docs/architecture.md#import-direction)."""

OWN_TIME = {"machine", "daemon", "cli", "lab.simulate", "lab.demo", "lab.bench"}
"""Packages that may ask for the time and for random numbers; others get them as arguments."""
SOURCES = {"syncd/lab/sandbox/clock.py", "syncd/lab/sandbox/ids.py"}
"""Modules in which the sandbox, a program of its own, gets its time and its random numbers."""
HIDDEN = re.compile(
    r"datetime\.(datetime\.(now|utcnow|today)|date\.today)|os\.urandom|uuid\.uuid[14]"
    r"|(time|random|secrets)\..+"
)

INDEX = re.compile(r"--(?:(?:extra-)?index-url|find-links)\b")
"""Options that name a package index; they belong in each machine's own settings."""
ADDRESS = re.compile(r"\w+://(?!(?:[\w-]+\.)?example\.com\b)[\w.-]+")
PACKAGING = {"pyproject.toml", "constraints.txt", "Makefile", ".ci/run"}
"""Files that install packages: they contain no address but the reserved one."""
MACHINE = re.compile(r"(?<![\w.~})/-])/(?:(?:work|root|tmp)(?![\w-])|(?:home|Users)/\w)")


def room(path: str) -> str:
    """Return the room that a path like ``syncd/core/propagation/write_order.py`` lies in."""
    return room_of(path.removesuffix(".py").split("/"))


def room_of(parts: Sequence[str]) -> str:
    """Return the room of a module, from the parts of its full name; the lab has several."""
    _, first, *rest = parts
    return f"lab.{rest[0]}" if first == "lab" and rest and not rest[0].startswith("__") else first


def imports(path: str, nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """Yield each import of a file: the bound name, and the full name of its target."""
    package = path.removesuffix(".py").split("/")[:-1]
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.asname or alias.name.split(".")[0]
                yield whole, alias.name if alias.asname else whole
                if alias.name != whole and not alias.asname:
                    yield alias.name, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield alias.asname or alias.name, f"{module}.{alias.name}"


def crossings(path: str, source: str, time_helpers: frozenset[str]) -> list[str]:
    """Return the imports that the file's package may not make."""
    here = room(path)
    found = []
    for _, name in imports(path, ast.walk(ast.parse(source))):
        parts = name.split(".")
        # `from syncd import __version__` and `import syncd` enter no room.
        if parts[0] != "syncd" or len(parts) == 1 or parts[1].startswith("__"):
            continue
        there = room_of(parts)
        allowed = there == here or there in IMPORTS[here]
        if here == "lab.sandbox" and parts[1] == "model":
            # Its knobs are made from the table of uncertain facts (platform_facts).
            allowed = parts[2] in {"time", "platform_facts"} or parts[-1] in time_helpers
        if not allowed:
            found.append(f"{path} imports {name}")
    return found


def circles(product: Mapping[str, str]) -> list[list[str]]:
    """Return the groups of modules that import each other, wherever in a file the import stands."""
    modules = {_module(path): (path, source) for path, source in product.items()}
    graph: dict[str, set[str]] = {}
    for name, (path, source) in modules.items():
        found = {target for _, target in imports(path, ast.walk(ast.parse(source)))}
        whole = {t if t in modules else t.rpartition(".")[0] for t in found}
        graph[name] = (whole & modules.keys()) - {name}
    remaining = {name: _reachable(name, graph) for name in graph}
    groups = {
        frozenset({name, *(o for o in reached if name in remaining[o])})
        for name, reached in remaining.items()
        if name in reached
    }
    return sorted(sorted(group) for group in groups)


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _reachable(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    open_ = [start]
    while open_:
        new = graph[open_.pop()] - seen
        seen |= new
        open_ += new
    return seen


def hidden_inputs(path: str, source: str) -> list[str]:
    """Return the places where a file asks for time or random numbers itself."""
    if room(path) in OWN_TIME or path in SOURCES:
        return []
    nodes = list(ast.walk(ast.parse(source)))
    bound = dict(imports(path, nodes))
    found = []
    for node in nodes:
        if isinstance(node, ast.Attribute | ast.Name):
            first, *rest = dotted(node)
            name = ".".join([bound.get(first, "-"), *rest])
            if HIDDEN.fullmatch(name):
                found.append(f"{path}:{node.lineno} uses {name}")
    return found


def dotted(node: ast.expr) -> list[str]:
    """Return the parts of a name like ``a.b.c``; the first is empty for other expressions."""
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    words.append(node.id if isinstance(node, ast.Name) else "")
    return words[::-1]


def too_long(path: str, source: str) -> list[str]:
    """Report a file with more than `MOST_LINES` lines."""
    lines = len(source.splitlines())
    return [f"{path} has {lines} lines"] if lines > MOST_LINES else []


def leaks(path: str, text: str) -> list[str]:
    """Report package indexes, and paths that exist on one machine only."""
    forbidden = [MACHINE]
    if not path.startswith("tests/"):  # there such options are samples of what is refused
        forbidden.append(INDEX)
    if path in PACKAGING:
        forbidden.append(ADDRESS)
    return [
        f"{path}:{number} says {found[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        for pattern in forbidden
        if (found := pattern.search(line)) is not None
    ]


def committed() -> dict[str, str]:
    """Yield each text file that is committed, or that `git add --all` would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=HOUSE,
        check=True,
        capture_output=True,
        text=True,
    )
    names = sorted({name for name in listed.stdout.split("\0") if name})
    return {n: (HOUSE / n).read_text("utf-8") for n in names if (HOUSE / n).is_file()}


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return committed()


@pytest.fixture(scope="module")
def product(files: dict[str, str]) -> dict[str, str]:
    return {p: s for p, s in files.items() if p.startswith("syncd/") and p.endswith(".py")}


@pytest.fixture(scope="module")
def time_helpers(product: dict[str, str]) -> frozenset[str]:
    tree = ast.parse(product["syncd/model/time.py"])
    return frozenset(n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef))


def test_every_room_is_looked_at(product: dict[str, str]) -> None:
    rooms = {room(path) for path in product}
    assert rooms <= set(IMPORTS), "a new room must say in IMPORTS what it may import"
    assert rooms >= {"model", "core", "store", "systems", "lab.sandbox", "engine", "daemon", "cli"}


def test_imports_run_one_way(product: dict[str, str], time_helpers: frozenset[str]) -> None:
    assert [c for p, s in product.items() for c in crossings(p, s, time_helpers)] == []


def test_no_modules_import_each_other(product: dict[str, str]) -> None:
    # The simulator and the emulator of v2 are left out: they are no part of what syncs.
    assert circles({p: s for p, s in product.items() if not p.startswith("syncd/lab/")}) == []


def test_a_circle_is_noticed_wherever_the_import_stands() -> None:
    hidden = "def f():\n    from syncd.core import b"
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from syncd.core.a import X"
    product = {"syncd/core/a.py": hidden, "syncd/core/b.py": typed, "syncd/core/c.py": typed}
    assert circles(product) == [["syncd.core.a", "syncd.core.b"]]
    assert circles({"syncd/core/c.py": typed, "syncd/core/a.py": ""}) == []


def test_time_and_chance_are_handed_in(product: dict[str, str]) -> None:
    assert [h for p, s in product.items() for h in hidden_inputs(p, s)] == []


def test_no_file_is_too_long(files: dict[str, str]) -> None:
    assert [t for p, s in files.items() if p.endswith(".py") for t in too_long(p, s)] == []


def test_no_file_names_a_registry_or_a_machine(files: dict[str, str]) -> None:
    assert [leak for path, text in files.items() for leak in leaks(path, text)] == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("syncd/core/x.py", "import syncd.store"),
        ("syncd/core/x.py", "import syncd.store.store as s"),
        ("syncd/core/x.py", "def f():\n    from syncd.systems import port"),
        ("syncd/core/x.py", "from ..engine import cycle"),
        ("syncd/core/x.py", "from syncd import engine"),
        ("syncd/model/x.py", "from syncd.core import plan"),
        ("syncd/store/x.py", "from syncd.core.propagation.write_order import x"),
        ("syncd/systems/a/x.py", "from syncd.store import Store"),
        ("syncd/systems/a/x.py", "from syncd.engine.engine import Engine"),
        ("syncd/engine/x.py", "from syncd.lab.sandbox import platform"),
        ("syncd/daemon/x.py", "from syncd.cli import main"),
        ("syncd/lab/sandbox/x.py", "from syncd.systems.leadsquared import wire"),
        ("syncd/lab/sandbox/x.py", "from syncd.model import TrackedEvent"),
    ],
)
def test_a_crossing_is_noticed(path: str, source: str, time_helpers: frozenset[str]) -> None:
    assert len(crossings(path, source, time_helpers)) >= 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("syncd/core/x.py", "from syncd.model import TrackedEvent\nfrom syncd.core import plan"),
        ("syncd/core/x.py", "from . import plan\nimport json"),
        (
            "syncd/lab/sandbox/x.py",
            "from syncd.model import utc\nfrom syncd.model.time import zone",
        ),
        ("syncd/cli/x.py", "from syncd import __version__\nfrom syncd.daemon import lock"),
    ],
)
def test_allowed_imports_are_not_reported(
    path: str, source: str, time_helpers: frozenset[str]
) -> None:
    assert crossings(path, source, time_helpers) == []


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndatetime.now()",
        "import datetime as dt\ndt.datetime.utcnow()",
        "from datetime import date\nf = date.today",
        "import time\ntime.time()",
        "from time import monotonic as m\nm()",
        "from uuid import uuid4\nfield(default_factory=uuid4)",
        "import random\nrandom.random()",
        "from secrets import token_hex\ntoken_hex()",
        "import os\nos.urandom(8)",
    ],
)
def test_asking_for_time_or_chance_is_noticed_below_the_shell(source: str) -> None:
    assert hidden_inputs("syncd/core/x.py", source) != []
    assert hidden_inputs("syncd/cli/x.py", source) == []


def test_a_wall_time_is_not_taken_for_the_clock() -> None:
    source = "from datetime import datetime, time\ntime.min\ndatetime.max\nclock.now()\nx.time()"
    assert hidden_inputs("syncd/core/x.py", source) == []


def test_one_line_too_many_is_noticed() -> None:
    assert too_long("x.py", "\n" * MOST_LINES) == []
    assert too_long("x.py", "\n" * (MOST_LINES + 1)) != []


@pytest.mark.parametrize("option", ["index-url", "extra-index-url", "find-links"])
def test_an_option_that_names_a_registry_is_noticed(option: str) -> None:
    assert leaks("x", f"pip install --{option} somewhere") != []


@pytest.mark.parametrize("path", sorted(PACKAGING))
def test_an_address_in_a_file_that_installs_is_noticed(path: str) -> None:
    assert leaks(path, "x @ https://packages.invalid/x.whl") != []
    assert leaks(path, 'base_url = "https://crm.example.com/v2"') == []


@pytest.mark.parametrize("place", ["work/main", "root", "tmp/x.db", "home/ann", "Users/ann"])
def test_a_path_of_one_machine_is_noticed(place: str) -> None:
    assert leaks("x", f"open('/{place}')") != []


@pytest.mark.parametrize(
    "line", ["GET /calendars/events", "https://example.com/work", "a/tmp", "/workflows", "/var/lib"]
)
def test_other_paths_are_no_leak(line: str) -> None:
    assert leaks("x", line) == []
