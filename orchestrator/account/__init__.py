"""Everything that one account asks of its gateway: recovery, events, comparison, plan."""
