"""Generator of docs/platform-facts.md, the table of measured facts; a test compares the two.

Run ``python -m syncd.cli.facts_page > docs/platform-facts.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import MappingProxyType

from syncd.model.platform_facts import MeasuredBy, PlatformFact, PlatformKind, platform_facts

_TITLES = MappingProxyType(
    {
        PlatformKind.V2: "LeadConnector (v2)",
        PlatformKind.V1: "LeadConnector v1",
        PlatformKind.LEADSQUARED: "LeadSquared",
    }
)

_HEAD = """\
<!-- Made by `python -m syncd.cli.facts_page > docs/platform-facts.md`; a test compares them. -->

# Measured facts: what only an account can tell

For operators and developers. Nobody who works on syncd has an account on the three platforms. This
page lists what their documents leave open, and where sources contradict each other; the notes in
`docs/platforms/` describe the rest. A fact has the same name in the code, in the state, in
`syncd check --json` and `syncd status --json`, and in the sandbox.

- Until a fact is measured, its **safe side** is assumed. It may cost calls or time. It breaks no
  promise if it is wrong.
- `syncd probe SYSTEM` measures the facts marked *probe*, on an event of its own. Ordinary reads and
  the first move of an appointment measure others. `syncd check` shows each value with its date, and
  asks for a new probe after 90 days. `syncd probe SYSTEM --forget` forgets the values.
- A response that contradicts a measured value puts the fact back on its safe side at once. This is
  logged and shown as *contradicted*. Only a new probe measures it again.
"""

_MEASURED = MappingProxyType(
    {
        MeasuredBy.PROBE: "probe",
        MeasuredBy.READS: "ordinary reads",
        MeasuredBy.MOVE: "first move",
        MeasuredBy.PERSON: "configuration",
        MeasuredBy.NOBODY: "not measured",
    }
)


def page() -> str:
    """Return the page docs/platform-facts.md in Markdown."""
    return "\n".join([_HEAD, *(line for kind in PlatformKind for line in _section(kind))])


def _section(kind: PlatformKind) -> Iterator[str]:
    yield f"## {_TITLES[kind]}\n"
    yield "| fact | meaning | values (safe side in bold) | measured by | what depends on it |"
    yield "|---|---|---|---|---|"
    for row in platform_facts(kind):
        how = f"*{_MEASURED[row.measured]}*: {row.how}"
        cells = (f"`{row.name}`", row.meaning, _values(row), how, row.depends)
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
    yield ""


def _values(row: PlatformFact) -> str:
    others = [f"`{side}`" for side in row.sides if side != row.safe]
    return ", ".join((f"**`{row.safe}`**", *others))


if __name__ == "__main__":
    sys.stdout.write(page())
