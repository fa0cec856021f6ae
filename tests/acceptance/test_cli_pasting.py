"""What is suggested works when it is pasted, also where the configuration stands elsewhere."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from tests.support.command import Rejoin

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "my own/rejoin.toml"


def suggested(text: str) -> list[list[str]]:
    """The words of every command in a text, up to where prose goes on."""
    after = r" (?:brings|lists|finds)\b|[;.:,]|  |$"
    found = re.findall(rf"rejoin (-c '[^']+' [a-z ]+?)(?:{after})", text, re.MULTILINE)
    return [shlex.split(words) for words in found]


def test_commands_that_are_suggested_work_with_the_configuration_of_the_call(tmp_path: Path) -> None:
    rejoin = Rejoin(tmp_path)
    (tmp_path / "my own").mkdir()
    assert rejoin("init", "-c", CONFIG).code == 0
    told = [rejoin(*words, "-c", CONFIG) for words in (["status"], ["groups", "list"], ["explain", "nobody"])]
    told += [rejoin("explain", "nobody", "--json", "-c", CONFIG)]

    texts = [answer.out + answer.err for answer in told]
    assert all(f"rejoin -c '{CONFIG}' groups" in text for text in texts)
    assert told[-1].error["hint"].startswith(f"rejoin -c '{CONFIG}' groups list")
    commands = suggested(rejoin("init", "-c", CONFIG).err + "\n".join(texts))
    assert ["-c", CONFIG, "doctor"] in commands
    for words in commands:
        assert rejoin(*words).code != 78, words  # 78: no configuration
