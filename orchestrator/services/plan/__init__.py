"""The plan: what a run would do with each group, by name, and how long it would take. It joins nothing."""
