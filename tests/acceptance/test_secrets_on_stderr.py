"""Whatever goes wrong in a real process, and whoever writes it to stderr: no secret and no code is there."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command import CHECKOUT, PATIENCE, Rejoin

if TYPE_CHECKING:
    from pathlib import Path

HOOK = "hook-secret-0f1e2d3c4b5a"
PATH = "path-secret-5a4b3c2d1e0f"
WEB = "page-5f2b8c1d9e7a3b60"
NOTIFIER = "notifier-pass-77aa"
CODE = "fEViSc2rjBsWaYkeHfule4"
LINK = f"https://chat.whatsapp.com/{CODE}"
TOKEN = "token-1a2b3c4d5e6f7a8b"
SECRETS = (HOOK, PATH, WEB, NOTIFIER, TOKEN)
CONFIG = f"""
[[instances]]
name = "backup-1"
role = "backup"
gateway = "wawp"
base_url = "http://127.0.0.1:9"
instance_id = "200"
access_token = "{TOKEN}"

[webhooks]
secret = "{HOOK}"
path_secret = "{PATH}"

[web]
listen = "127.0.0.1:0"
token = "{WEB}"

[notify]
urls = ["json://me:{NOTIFIER}@notify.example.org/x"]
"""

# Breaks the command from the inside in every way in which Python writes to stderr by itself.
BROKEN = """
import asyncio, gc, logging, sys, threading, warnings
from orchestrator import __main__, bootstrap

SAID = sys.argv.pop(1)

class Lost:
    def __del__(self):
        raise ValueError(f"unraisable {SAID}")

def in_a_thread():
    raise ValueError(f"thread {SAID}")

async def nobody_waits():
    raise ValueError(f"task {SAID}")

async def broken(*_):
    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    task = asyncio.create_task(nobody_waits())
    await asyncio.sleep(0.01)
    del task
    gc.collect()
    asyncio.get_running_loop().call_soon(lambda: 1 / 0 if SAID else None)
    Lost()
    warnings.warn(f"warning {SAID}")
    logging.getLogger("library").error("log %s", SAID, extra={SAID: SAID})
    print(f"printed {SAID}", file=sys.stderr)
    try:
        raise KeyError(SAID)
    except KeyError as error:
        error.add_note(f"note {SAID}")
        raise ExceptionGroup(f"group {SAID}", [RuntimeError(f"raised {SAID}")]) from error

bootstrap.schema.require_current = broken
__main__.main()
"""


@pytest.mark.parametrize(
    "words",
    [
        "-v daemon",
        "-vv daemon --log-format text",
        "-v status",
        "-vv run --yes --log-format json",
        "-v groups list --json",
        "--json -v history",
    ],
)
def test_no_secret_is_in_a_traceback_a_log_or_a_warning(tmp_path: Path, words: str) -> None:
    (tmp_path / "rejoin.toml").write_text(CONFIG, encoding="utf-8")
    assert Rejoin(tmp_path)("db", "upgrade").code == 0

    done = subprocess.run(
        [sys.executable, "-c", BROKEN, " ".join([*SECRETS, LINK, CODE]), *words.split()],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    for kind in ("thread", "task", "unraisable", "warning", "log", "printed", "note", "group", "raised"):
        assert f"{kind} [hidden]" in done.stderr, kind
    assert "Traceback" in done.stderr
    assert '  File "<string>", line' in done.stderr
    for secret in (*SECRETS, CODE):
        assert secret not in done.stdout + done.stderr
