"""`rejoin healthcheck` with options of every command; without them `__main__` takes the shorter way."""

import os
from typing import Annotated

from orchestrator.cli import exit_codes, health
from orchestrator.cli.call import NOTHING_SAID, Call
from orchestrator.cli.flags import flag
from orchestrator.cli.render import clean


def healthcheck(
    *,
    ready: Annotated[
        bool,
        flag("ready", "Stricter: configuration, key file, current schema, a database that takes writes."),
    ] = False,
    daemon: Annotated[
        bool, flag("daemon", "Also: a daemon runs, and gave a sign of life within a minute.")
    ] = False,
    call: Call = NOTHING_SAID,
) -> int:
    """For a supervisor of containers: exit code 0 or 1, and the reason on stderr. Light: ask often.

    Without --ready: the program starts and, where there is a configuration, its database can be read
    (SQLite) or answers on its port (PostgreSQL). Where a daemon should run, ask with --daemon: by its
    heartbeat in a SQLite database, else by its answer at web.listen.

    Examples:
      rejoin healthcheck
      rejoin healthcheck --daemon
      rejoin healthcheck --ready -c /data/rejoin.toml
    """
    if not call.json:
        return health.main(ready=ready, daemon=daemon, config=call.config)
    reason = health.find_fault(call.config, os.environ, ready=ready, daemon=daemon)
    call.out.answer_json({"ok": reason is None, "reason": None if reason is None else clean(reason)})
    return exit_codes.DONE if reason is None else exit_codes.UNEXPECTED
