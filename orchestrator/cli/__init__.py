"""The command line: one module a command or a group of commands, and what draws screens."""
