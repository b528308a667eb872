"""Write `docs/planted-bugs.md` from the table: python -m tests.planted.page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.planted.line import Line
from tests.planted.lines import CHAPTERS

PAGE = Path(__file__).parents[2] / "docs" / "planted-bugs.md"

_HEAD = """\
# Planted bugs

For developers. Each row is a requirement of syncd, with bugs that were planted to break it and the
check that catches them: a day of the simulator (`tests/lab/simulate/plants.py` names the day), or a
test where no simulated day can show the bug. `make prove` plants each bug and verifies that it is
caught. `python -m tests.planted.page` writes this page; a test compares it with the code.
"""


def page() -> str:
    """Return the text of the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    for title, lines in CHAPTERS:
        yield f"## {title}\n"
        yield "| requirement | planted bugs | caught by |"
        yield "|---|---|---|"
        for line in lines:
            for row in _rows(line):
                yield f"| {' | '.join(row)} |"
        yield ""


def _rows(line: Line) -> Iterator[tuple[str, str, str]]:
    demand = line.demand
    if line.simulated:
        yield demand, ", ".join(f"`{bug}`" for bug in line.simulated), "the simulator"
        demand = ""
    for bug, test in line.named:
        yield demand, f"`{bug}`", f"`{test}`"
        demand = ""
    for test in line.also:
        yield demand, "in the test", f"`{test}`"
        demand = ""


if __name__ == "__main__":
    PAGE.write_text(page().rstrip("\n") + "\n")
