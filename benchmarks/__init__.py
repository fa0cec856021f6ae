"""Benchmarks: each prints ratios from one run. A number depends on the machine, a ratio less so."""
