"""Benchmark of speed and calls: `make bench`; not part of `make test`.

`python -m syncd.lab.bench` measures each cell of the tables in its own process, prints the tables,
and stores the values as JSON in pyperf's format, so that two runs can be compared (`pyperf
compare_to`).
"""
