"""`rejoin daemon`: the process that runs for years."""

import logging
import signal

from orchestrator.cli import exit_codes
from orchestrator.cli.call import NOTHING_SAID, Call


async def daemon(*, call: Call = NOTHING_SAID) -> int:
    """Watches the accounts, takes webhooks, keeps time, recovers, tells receivers and people.

    Stays in the foreground. SIGTERM or Ctrl-C lets joins under way end and stops, a second one stops at once;
    SIGHUP reads the configuration anew. A second daemon on the same database stands by.

    Examples:
      rejoin daemon
      rejoin daemon -c /etc/rejoin/rejoin.toml --log-format json
    """
    from orchestrator.daemon.notify_socket import NotifySocket  # noqa: PLC0415 - brings everything
    from orchestrator.daemon.process import Process  # noqa: PLC0415

    settings = call.settings()
    call.start_logs(settings)
    process = Process(settings, call.reread, NotifySocket())
    await process.run()
    logging.getLogger(__name__).info("stopped; what was under way is saved")
    if len(process.signals) > 1:
        hard = {signal.SIGINT: exit_codes.INTERRUPTED, signal.SIGTERM: exit_codes.TERMINATED}
        return hard[signal.Signals(process.signals[-1])]
    return exit_codes.DONE
