"""The exit codes. Scripts depend on them: codes are only ever added, and an unknown one is a failure."""

from __future__ import annotations

DONE = 0
UNEXPECTED = 1
USAGE = 2
NEEDS_YOU = 3
CREDENTIALS = 4
TEMPORARY = 5
INSTANCE_LOST = 7
NOT_FINISHED = 8
LOCKED = 11
CONFIGURATION = 78
INTERRUPTED = 130
BROKEN_PIPE = 141
TERMINATED = 143

EXIT_CODES = {
    DONE: "done: everything asked for is true",
    UNEXPECTED: "unexpected error",
    USAGE: "wrong usage",
    NEEDS_YOU: "finished, but some groups need you",
    CREDENTIALS: "the gateway refused the credentials",
    TEMPORARY: "temporary: gateway or network; the same call may work later",
    INSTANCE_LOST: "the backup instance is lost or logged out; retrying will not help",
    NOT_FINISHED: "not finished yet",
    LOCKED: "another recovery works for this instance",
    CONFIGURATION: "the configuration, key file or database does not fit",
    INTERRUPTED: "interrupted; what was done is saved",
    BROKEN_PIPE: "whoever read the answer went away",
    TERMINATED: "terminated; what was done is saved",
}
