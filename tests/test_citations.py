"""Every document and section that a file cites exists in the repository.

A citation is the path of a Markdown file, from the root or from the citing file's folder, with or
without the anchor of a heading: ``docs/design.md#absence``. In Python a bare anchor, such as
``(#errors)``, is a section of a page that the same file cites.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import cache

import pytest

from syncd.model.platform_facts import PLATFORM_FACTS
from tests.test_house import committed

HERE = "tests/test_citations.py"
"""This file plants wrong citations, so it is not checked itself."""

PAGE = re.compile(r"(?<![\w{}*./-])(?<!/ \")((?:\.{0,2}/)?(?:[\w.-]+/)*[\w-]+\.md)\b(?:#([\w-]+))?")
OWN = re.compile(r"\]\(#([\w-]+)\)")
SHORT = re.compile(r"\((#[\w-]+(?:, #[\w-]+)*)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$")
FENCE = re.compile(r"^ *```")
MODULE = re.compile(r"(?<![\w/.-])(?:syncd|tests|deploy|state)/[\w/]+(?:\.\w+)?")
OUTSIDE = {
    "DESIGN": re.compile(r"\bDESIGN\b"),
    "dossier": re.compile(r"\bdossiers?\b"),
    "ection": re.compile(r"\b[Ss]ections? \d"),
    "corrections": re.compile(r"\bcorrections:? [CM]\d"),
    " (": re.compile(r"(?<=[\w`.;] )\((?:[CM]\d+|\d\.\d+(?:(?:, | and | to )\d(?:\.\d+)?)*)\)"),
}
"""Ways to cite documents that the repository lacks, by a text that each of them contains."""
LABEL = re.compile(r"\[[^\]]*\]\(")
"""The text of a link, before its target."""
ELSEWHERE = re.compile(r"\brepository [\w.-]+/[\w.-]+, .*")
"""A file of another, public repository."""
SOURCES = "tests/systems/payloads/sources.py"
"""Lists files of other repositories."""


@cache
def anchors(page: str) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: Counter[str] = Counter()
    fenced = False
    for line in page.splitlines():
        fenced ^= bool(FENCE.match(line))
        heading = None if fenced else HEADING.match(line)
        if heading:
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
            found[re.sub(r"[^\w\- ]", "", words).replace(" ", "-")] += 1
    return frozenset(
        f"{slug}-{n}" if n else slug for slug, count in found.items() for n in range(count)
    )


def resolved(path: str, target: str, files: Collection[str]) -> str | None:
    """Return the file that a citation means; None if there is none."""
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return next((each for each in (target.lstrip("/"), beside) if each in files), None)


def cited(path: str, text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, page and anchor of each citation of a Markdown file."""
    if path == SOURCES:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if ".md" in line:
            for target, anchor in PAGE.findall(LABEL.sub("(", ELSEWHERE.sub("", line))):
                yield number, target, anchor


def wrong_pages(path: str, text: str, files: Mapping[str, str]) -> Iterator[str]:
    """Yield the pages and anchors that a file cites although they do not exist."""
    for number, target, anchor in cited(path, text):
        page = resolved(path, target, files)
        if page is None:
            yield f"{path}:{number} cites {target}, which does not exist"
        elif anchor and anchor not in anchors(files[page]):
            yield f"{path}:{number} cites {target}#{anchor}, which is no heading"


def wrong_anchors(path: str, text: str, files: Mapping[str, str]) -> Iterator[str]:
    """Yield the bare anchors that no page has of those that they may mean."""
    if path.endswith(".md"):
        known, bare = anchors(text), OWN
    else:
        pages = {resolved(path, target, files) for _, target, _ in cited(path, text)} - {None}
        known, bare = frozenset(a for page in pages for a in anchors(files[page or ""])), SHORT
    for number, line in enumerate(text.splitlines() if "(#" in text else (), 1):
        for found in bare.findall(line):
            for anchor in found.split(", "):
                if anchor.removeprefix("#") not in known:
                    yield f"{path}:{number} cites {anchor}, which is no heading"


def outside_documents(path: str, text: str) -> Iterator[str]:
    """Yield the citations of documents that the repository does not contain."""
    patterns = [pattern for word, pattern in OUTSIDE.items() if word in text]
    for found in (found for pattern in patterns for found in pattern.finditer(text)):
        number = text.count("\n", 0, found.start()) + 1
        yield f"{path}:{number} cites a document that the repository lacks: {found[0]}"


def wrong_citations(path: str, text: str, files: Mapping[str, str]) -> list[str]:
    """Return what a file cites although it does not exist."""
    return [
        *wrong_pages(path, text, files),
        *wrong_anchors(path, text, files),
        *outside_documents(path, text),
    ]


def missing_modules(path: str, text: str, files: Collection[str]) -> Iterator[str]:
    """Yield the modules and folders that a page names although they do not exist."""
    folders = {posixpath.dirname(each) for each in files}
    for number, line in enumerate(text.splitlines(), 1):
        for named in MODULE.findall(line):
            place = named.rstrip("/")
            if place not in files and not any((f + "/").startswith(place) for f in folders):
                yield f"{path}:{number} names {named}, which does not exist"


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return committed()


def test_every_cited_document_and_section_exists(files: dict[str, str]) -> None:
    checked = [path for path in files if path != HERE]
    assert [w for path in checked for w in wrong_citations(path, files[path], files)] == []


def test_every_module_that_the_documents_name_exists(files: dict[str, str]) -> None:
    pages = {path: text for path, text in files.items() if re.fullmatch(r"docs/.*\.md", path)}
    assert [m for path, text in pages.items() for m in missing_modules(path, text, files)] == []


@pytest.mark.parametrize("platform", sorted({str(fact.platform) for fact in PLATFORM_FACTS}))
def test_the_notes_on_a_platform_name_each_measured_fact(
    platform: str, files: dict[str, str]
) -> None:
    name = "leadconnector-v2" if platform == "leadconnector" else platform
    notes = files[f"docs/platforms/{name}.md"]
    named = [fact.name for fact in PLATFORM_FACTS if fact.platform == platform]
    assert [name for name in named if f"`{name}`" not in notes] == []


@pytest.mark.parametrize(
    "text",
    [
        "see docs/nothing.md",
        "see docs/design.md#nothing",
        "see ../shared/house.md",
        "see design.md, which lies elsewhere",
        "as DESIGN section 6 says",
        "(section 4)",
        "the dossier leaves it open",
        "(corrections C1)",
        "one task (1.5)",
        "one task (1.5, 2)",
        "an error (#errors)",
        "docs/design.md, an error (#errors)",
    ],
)
def test_a_planted_wrong_citation_is_noticed(text: str, files: dict[str, str]) -> None:
    found = wrong_citations("syncd/core/x.py", text, files)
    assert found != []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("syncd/core/x.py", "see docs/design.md#absence, and state/README.md"),
        ("syncd/core/x.py", "docs/platforms/leadsquared.md; an error (#errors, #hosts)"),
        ("docs/design.md", "[pace](polling.md), [rates](platforms/leadsquared.md#rate-limits)"),
        ("docs/x.md", "| x | repository someone/something, docs/answers.md |"),
        ("docs/platforms/x.md", "[facts](../platform-facts.md#leadsquared)"),
    ],
)
def test_a_right_citation_is_accepted(path: str, text: str, files: dict[str, str]) -> None:
    found = wrong_citations(path, text, files)
    assert found == []


def test_a_planted_module_that_does_not_exist_is_noticed(files: dict[str, str]) -> None:
    assert list(missing_modules("docs/x.md", "`syncd/core/nothing.py`", files)) != []
    assert (
        list(missing_modules("docs/x.md", "`syncd/core/reconcile.py`, `tests/core`", files)) == []
    )
