"""`rejoin daemon`, the process that runs for years, and `rejoin healthcheck`, which asks for it."""

from __future__ import annotations

import logging
import os
import signal
from typing import Annotated

from orchestrator import stop_signals
from orchestrator.cli import exit_codes, health
from orchestrator.cli.call import NOTHING_SAID, Call, flag
from orchestrator.cli.formatting import clean


async def daemon(*, call: Call = NOTHING_SAID) -> int:
    """Watches the accounts, takes webhooks, keeps time, recovers, tells receivers and people.

    Stays in the foreground. SIGTERM or Ctrl-C lets joins under way end and stops, a second one stops at once;
    SIGHUP reads the configuration anew. A second daemon on the same SQLite database stands by; on PostgreSQL
    the daemons divide the accounts.

    Examples:
      rejoin daemon
      rejoin daemon -c /etc/rejoin/rejoin.toml --log-format json
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # before it listens there is nothing to read anew

    from orchestrator.daemon.notify_socket import NotifySocket  # noqa: PLC0415 - brings everything
    from orchestrator.daemon.process import Process  # noqa: PLC0415

    settings = call.settings()
    call.start_logs(settings)
    process = Process(settings, call.settings, NotifySocket())
    await process.run()
    logging.getLogger(__name__).info("stopped; what was under way is saved")
    if len(process.signals) > 1:
        return stop_signals.exit_code_for(process.signals[-1])
    return exit_codes.DONE


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
