"""Benchmarks: each prints ratios from one run. Not tests: a number depends on the machine, a ratio less so."""
