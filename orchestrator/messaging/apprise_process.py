"""A process that hands one notice to Apprise, within limits of time and memory.

Apprise reads an answer to its end, however long that takes and however much it is, and a thread that does so
can be neither stopped nor bounded. So it never sends in a process that has something else to do. The order
comes as one JSON object on standard input: `url`, `title`, `body`, `weight` and `seconds`, after which the
process ends by itself. The answer is one line on standard output: SENT, NOT_TAKEN, NOT_UNDERSTOOD, or the
name of an error's type.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

from orchestrator.domain.strict_json import parse_json
from orchestrator.process_limits import limit_this_process

SENT, NOT_TAKEN, NOT_UNDERSTOOD = "sent", "not taken", "not understood"
_MOST_MEMORY = 1536 * 2**20  # bytes of address space; Apprise with all its plugins and threads takes a third


def main() -> None:
    order: dict[str, Any] = parse_json(sys.stdin.buffer.read())
    signal.alarm(max(1, int(order["seconds"])))  # nobody is left to stop it if the daemon is killed
    limit_this_process(_MOST_MEMORY)
    sys.stdout.write(f"\n{_send(order)}\n")


def _send(order: dict[str, Any]) -> str:
    import apprise  # noqa: PLC0415 - an extra, and after the limits are set

    service = apprise.Apprise()
    try:
        if not service.add(order["url"]):
            return NOT_UNDERSTOOD
        for plugin in service:
            plugin.redirects = False  # a notice that goes on as a GET is lost, and any page answers 200
        done = service.notify(
            body=order["body"], title=order["title"], notify_type=order["weight"], body_format="text"
        )
    except Exception as error:  # noqa: BLE001 - a hundred plugins of others, whose words may hold the address
        return type(error).__name__
    return SENT if done else NOT_TAKEN


if __name__ == "__main__":
    main()
