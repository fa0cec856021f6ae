"""`rejoin daemon`: the process that runs for years."""

import logging
import signal

from orchestrator import stop_signals
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
