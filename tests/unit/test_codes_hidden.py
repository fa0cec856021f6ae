"""A code that is written in an odd way is reduced as well, wherever foreign text is made fit to show."""

from __future__ import annotations

import html
import io
import json
from urllib.parse import quote, unquote

import pytest

from orchestrator.cli.failure import report
from orchestrator.domain.errors import InputRejectedError
from orchestrator.domain.redaction import hide_codes, may_be_codes
from orchestrator.redact import scrub

CODE = "BobOM8UXL8EDR3dXoKozql"
WORDS = "SalesTeamNorthEastGate"  # a code, but only its link tells it from a name
HOST = "chat.whatsapp.com"


def odd(code: str) -> dict[str, str]:
    link = f"https://{HOST}/{code}"
    half = len(code) // 2
    return {
        "upper case": f"HTTPS://CHAT.WHATSAPP.COM/{code}",
        "percent": quote(link, safe=""),
        "percent, three times": quote(quote(quote(link, safe=""), safe=""), safe=""),
        "percent, the dots": f"chat%2Ewhatsapp%2Ecom%2F{code}?mode=x",
        "percent, the code": f"{HOST}/" + "".join(f"%{ord(c):02x}" for c in code),
        "percent, one letter": f"{HOST}/%{ord(code[0]):02X}{code[1:]}",
        "JSON": json.dumps(link).replace("/", "\\/"),
        "JSON, escaped": f"https:\\u002f\\u002f{HOST}\\u002f{code}",
        "HTML, hexadecimal": f"https:&#x2F;&#x2F;{HOST}&#x2F;{code}",
        "HTML, decimal": f"https:&#47;&#47;{HOST}&#47;{code}",
        "HTML, named": f"https:&sol;&sol;{HOST}&sol;{code}",
        "zero width": f"{HOST}/{code[:half]}\u200b{code[half:]}",
        "zero width in the host": f"chat.whats\u200bapp.com/{code}",
        "variation selector": f"{HOST}/{code[:half]}\ufe0f{code[half:]}",
        "grapheme joiner": f"{HOST}/{code[:half]}\u034f{code[half:]}",
        "filler": f"{HOST}/{code[:half]}\u3164{code[half:]}",
        "new line": f"{HOST}/{code[:half]}\n{code[half:]}",
        "new line, two": f"{HOST}/{code[:5]}\r\n{code[5:half]}\r\n{code[half:]}",
        "NUL": f"{HOST}/{code[:half]}\0{code[half:]}",
        "line separator": f"{HOST}/{code[:half]}\u2028{code[half:]}",
        "new line before it": f"{HOST}/\n{code}",
        "blank before it": f"{HOST}/ {code}",
        "full width": "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in link),
        "ideographic stops": f"chat。whatsapp。com/{code}",
        "port": f"{HOST}:443/{code}",
        "stop behind the host": f"{HOST}./{code}",
        "slashes": f"{HOST}//{code}",
        "another path": f"{HOST}/http/{code}",
        "another parameter": f"{HOST}/?x={code}",
        "fragment": f"{HOST}/#{code}",
        "web": f"web.whatsapp.com/accept?code={code}",
        "scheme": f"whatsapp://chat?code={code}",
    }


@pytest.mark.parametrize("code", [CODE, WORDS])
@pytest.mark.parametrize("form", odd(CODE))
def test_however_a_link_is_written_its_code_is_reduced(form: str, code: str) -> None:
    for told in (hide_codes(f"look: {odd(code)[form]} now"), scrub(f"look: {odd(code)[form]} now")):
        shown = html.unescape(unquote(unquote(unquote(told))))
        shown = "".join(c for c in shown if c.isascii() and c.isprintable())

        assert not any(code[at : at + 6] in shown for at in range(len(code) - 6))
        assert told.startswith("look: ")
        assert told.endswith(" now")


@pytest.mark.parametrize("around", ["_{}_", "*{}*", "~{}~", "`{}`", "-{}", "code-{}", "invite_{}", "{}-old"])
@pytest.mark.parametrize("code", [CODE, WORDS])
def test_a_code_of_ours_is_found_between_marks(around: str, code: str) -> None:
    text = around.format(code)

    assert code in may_be_codes(text)
    assert hide_codes(text, ours={code}) == around.format(f"…{code[-4:]}")


def test_a_code_that_is_surely_one_is_found_between_marks() -> None:
    assert hide_codes(f"_{CODE}_") == "_…ozql_"


@pytest.mark.parametrize(
    "text",
    [
        "Sales_Team_North_East_Gate_2026",
        "internal-server-error-of-2026",
        "chat.whatsapp.com:\nTreasurer of the club",
        "see https://chat.whatsapp.com for help\nand call us",
        f"{WORDS} meets on Monday",
        f"_{WORDS}_",
        "👨\u200d👩\u200d👧 Family ❤️ \u3164",
    ],
)
def test_what_is_no_code_stays(text: str) -> None:
    assert hide_codes(text) is text


def test_a_line_below_a_link_is_no_part_of_it() -> None:
    assert hide_codes(f"{HOST}/{CODE}\nTreasurer") == f"{HOST}/…ozql\nTreasurer"
    assert hide_codes(f"{HOST}/{CODE[:9]}\n{CODE[9:]}\nTreasurer") == f"{HOST}/…ozql\nTreasurer"


@pytest.mark.parametrize("as_json", [True, False])
def test_no_error_of_a_command_repeats_a_link_that_was_pasted(as_json: bool) -> None:
    link = f"https://{HOST}/{CODE}"
    told = io.StringIO()
    report(
        InputRejectedError(f"{link}: no such file", hint=f"try {CODE}.csv", problems=(f"no {link}",)),
        as_json=as_json,
        verbose=False,
        stream=told,
    )

    assert CODE not in told.getvalue()
    assert told.getvalue().count("…ozql") == 3
