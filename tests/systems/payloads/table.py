"""Render docs/payloads.md from the cases: run this module to write the page anew.

What stands between the counts and the first table is written by hand and stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.systems.payloads import leadconnector, leadconnector_v1, leadsquared, sources
from tests.systems.payloads.case import Case
from tests.systems.payloads.leadsquared_base import Page, Row, StatusCase
from tests.systems.payloads.leadsquared_seen import SEEN
from tests.systems.payloads.sources import Basis, Source, basis_of, keys_of

DOCS = Path(__file__).parents[3] / "docs" / "payloads.md"
TITLE = "# What real answers look like, and what they are read as"
ASSUMED = """\
No call tells how long the appointments of a type are by default, so a task without an end counts
as 60 minutes long until more is known of it. The end of a completed task is not believed: what was
known of it before stands, else 60 minutes.
"""
MEANS = {
    "": "done or queued; a read confirms it",
    "RateLimitedError": "wait, nothing happened",
    "RejectedError": "refused for good",
    "UnauthorizedError": "a person must look at the keys",
    "RetryableError": "asked again",
    "UnknownOutcomeError": "may have happened: read first",
}


def row_read_as(case: Row) -> str:
    """Say what a row of LeadSquared is read as."""
    if case.read is None:
        return f"no event; reported as {case.told}" if case.told else "nobody's: left out"
    _, kind, status, minutes, person = case.read
    known = f"{kind}, {status}, {minutes} min, {'a' if person else 'no'} customer"
    return f"{known}; reported as {case.told}" if case.told else known


def page_read_as(case: Page) -> str:
    """Say what a page of LeadSquared is read as."""
    if case.ids is None:
        return "no list: what is known stays"
    events = f"{len(case.ids)} event{'' if len(case.ids) == 1 else 's'}"
    return f"{events}, {'complete' if case.whole else 'proves no absence'}"


def said_read_as(case: StatusCase) -> str:
    """Say what an answer of LeadSquared means."""
    return MEANS[case.means]


def of_leadsquared() -> list[tuple[str, str, str]]:
    """Return name, source and meaning of each case of LeadSquared."""
    read = [
        *((row.name, row_read_as(row)) for row in leadsquared.ROWS),
        *((page.name, page_read_as(page)) for page in leadsquared.PAGES),
        *((said.name, said_read_as(said)) for said in leadsquared.SAID),
        *((name, f"the user is {state}") for name, _, state in leadsquared.USERS),
    ]
    return [(name, SEEN[name], means) for name, means in read]


def of_leadconnector(cases: Iterable[Case]) -> list[tuple[str, str, str, str]]:
    """Return call, oddity, source and meaning of each case."""
    return [(c.call, c.name, c.seen, "; ".join(c.read) or "nothing") for c in cases]


def counts() -> str:
    """Count the cases of each platform by what they rest on."""
    lines = []
    for platform, seen, known in (
        ("LeadConnector v2", [c.seen for c in leadconnector.CASES], sources.V2),
        ("LeadConnector v1", [c.seen for c in leadconnector_v1.CASES], sources.V1),
        ("LeadSquared", [SEEN[name] for name in leadsquared.NAMES], sources.LEADSQUARED),
    ):
        found = Counter(basis_of(each, known) for each in seen)
        lines.append([platform, str(len(seen)), *(str(found[basis]) for basis in Basis)])
    return _table(["platform", "cases", *Basis], lines)


def tables() -> str:
    """Render the tables of all platforms, each with its sources."""
    asked = ["asked for", "odd about it", "seen", "read as"]
    return "\n".join(
        (
            "## LeadConnector v2\n",
            _table(asked, of_leadconnector(leadconnector.CASES)),
            _sources(sources.V2),
            "## LeadConnector v1\n",
            _table(asked, of_leadconnector(leadconnector_v1.CASES)),
            _sources(sources.V1),
            "## LeadSquared\n",
            ASSUMED,
            _table(["case", "seen", "read as"], of_leadsquared()),
            _sources(sources.LEADSQUARED),
        )
    )


def page(before: str) -> str:
    """Render the whole page; what is written by hand is taken from the page ``before``."""
    by_hand = before.split("\n## ", 1)[0].rpartition("|\n\n")[2].strip()
    return f"{TITLE}\n\n{counts()}\n{by_hand}\n\n{tables()}"


def unused(known: dict[str, Source], seen: Iterable[str]) -> set[str]:
    """Return the sources that no case names."""
    traced = (each for each in seen if basis_of(each, known) is Basis.TRACED)
    return known.keys() - {key for each in traced for key in keys_of(each)}


def _sources(known: dict[str, Source]) -> str:
    lines = [(key, source.what, source.where) for key, source in known.items()]
    return "Sources:\n\n" + _table(["seen", "what it is", "where it is"], lines)


def _table(names: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    head = list(names)
    rule = "|" + "---|" * len(head)
    return "\n".join((_line(head), rule, *map(_line, lines))) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    DOCS.write_text(page(DOCS.read_text(encoding="utf-8")), encoding="utf-8")
