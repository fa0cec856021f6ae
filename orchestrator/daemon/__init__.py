"""The process that runs for years: supervised parts, one driver for each recovery, two-step stop."""
