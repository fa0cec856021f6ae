"""Pure rules: pace, verification, transitions, judgements, hints. No I/O, no clock."""
