"""How fast it is, and how that was measured: `python -m tests.benchmarks --help`, or `make bench` for all of it."""
