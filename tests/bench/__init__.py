"""How fast syncd is, and how few calls it makes: `make bench`. Never run by `make test`.

`python -m tests.bench` measures each cell of the tables in a process of its own, prints them, and
keeps the values as JSON in pyperf's format, so that two runs can be compared (`pyperf compare_to`).
"""
