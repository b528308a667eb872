"""Lines of keys in a TOML text."""

from __future__ import annotations

import pytest

from syncd.config.toml_positions import key_lines, line_of

TEXT = """\
# a = 1
top = 1
[one]
a = { x = 1, y = "=" }
b.c = 2
"quoted = key" = 3
[one."d.e"]  # comment
f = [
  ["g = 1", [2]],
  { h = 1 },
]
[[many]]
i = "j = k"
"""


@pytest.mark.parametrize(
    ("at", "line"),
    [
        (("top",), 2),
        (("one",), 3),
        (("one", "a"), 4),
        (("one", "a", "x"), 4),
        (("one", "b", "c"), 5),
        (("one", "quoted = key"), 6),
        (("one", "d.e"), 7),
        (("one", "d.e", "f", 1, "h"), 8),
        (("one", "missing"), 3),
        (("many",), 12),
        (("many", "i"), 13),
        (("nowhere",), None),
        (("a",), None),
        ((), None),
    ],
)
def test_a_key_is_found_or_else_the_table_around_it(
    at: tuple[str | int, ...], line: int | None
) -> None:
    assert line_of(at, key_lines(TEXT)) == line


def test_a_table_without_a_header_is_where_its_first_inner_table_begins() -> None:
    assert line_of(("a", "b"), key_lines("x = 1\n[a.b.c]\n")) == 2


def test_lines_are_counted_as_editors_do() -> None:
    assert line_of(("b",), key_lines("a = 1 # \u2028 \x0b\nb = 2")) == 2
