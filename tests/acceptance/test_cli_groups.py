"""The catalogue and a person's acts, from the command line."""

from __future__ import annotations

import csv
import io
import os
import stat
from typing import TYPE_CHECKING

import pytest

from tests.support.command import Rejoin

if TYPE_CHECKING:
    from pathlib import Path

CODE, OTHER, THIRD = "fEViSc2rjBsWaYkeHfule4", "AViSc2rjBsWaYkeHfule42", "BbCiSc2rjBsWaYkeHfu777"
TABLE = f"""name,code,labels,instances
On Call,https://chat.whatsapp.com/{CODE},vip,sales-main
"Evil \x1b[2J\u202e=Two",{OTHER},,
"""
ACCOUNTS = """
[[instances]]
name = "sales-main"
role = "primary"
base_url = "http://127.0.0.1:9"
instance_id = "1"
access_token = "geheim-primary-token"

[[instances]]
name = "backup-1"
role = "backup"
base_url = "http://127.0.0.1:9"
instance_id = "2"
access_token = "geheim-backup-token"
"""


@pytest.fixture
def rejoin(tmp_path: Path) -> Rejoin:
    """Set up, with two groups."""
    command = Rejoin(tmp_path)
    assert command("init").code == 0
    with (tmp_path / "rejoin.toml").open("a") as config:
        config.write(ACCOUNTS)
    (tmp_path / "groups.csv").write_text(TABLE)
    return command


@pytest.fixture
def stocked(rejoin: Rejoin) -> Rejoin:
    assert rejoin("groups", "import", "groups.csv").code == 0
    return rejoin


def test_a_dry_run_reports_and_writes_nothing(rejoin: Rejoin) -> None:
    answer = rejoin("groups", "import", "-", "--dry-run", stdin=TABLE)

    assert answer.code == 0
    assert answer.out == "2 rows: 2 new, 0 updated, 0 unchanged. Nothing written (--dry-run).\n"
    assert rejoin("groups", "list", "--json").json == []


def test_a_dry_run_with_bad_rows_says_how_to_go_on(rejoin: Rejoin, tmp_path: Path) -> None:
    (tmp_path / "frame.csv").write_text(f",name,code\n,A,{CODE}\n1,B,{OTHER}\n")

    answer = rejoin("groups", "import", "frame.csv", "--dry-run")

    assert answer.code == 2
    assert "--map A=ignore" in answer.err
    assert "Next: rejoin groups import frame.csv --skip-bad\n" in answer.err


def test_importing_again_changes_nothing(stocked: Rejoin) -> None:
    again = stocked("groups", "import", "groups.csv", "--json").json

    assert (again["new"], again["updated"], again["unchanged"], again["written"]) == (0, 0, 2, True)


def test_every_bad_row_is_told_with_its_number_and_nothing_is_written(rejoin: Rejoin, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(f"name,code\nGood,{CODE}\nBad,htps://x\nTwin,{CODE}\n")

    plain, dry = rejoin("groups", "import", "bad.csv"), rejoin("groups", "import", "bad.csv", "--dry-run")

    assert (plain.code, plain.out, dry.code) == (2, "", 2)
    assert 'row 3: code is not a chat.whatsapp.com link or a bare code: "htps://x"' in plain.err
    assert "row 4" in plain.err
    assert "row 3" in dry.out
    assert len(rejoin("groups", "import", "bad.csv", "--json").error["problems"]) == 2
    assert rejoin("groups", "list", "--json").json == []


def test_bad_rows_are_skipped_told_and_finished_from_their_file(rejoin: Rejoin, tmp_path: Path) -> None:
    (tmp_path / "my list.csv").write_text(f"Sala,code\nGood,{CODE}\nBad,{OTHER}x/y\n")

    answer = rejoin("groups", "import", "my list.csv", "--map", "Sala=name", "--skip-bad")

    assert answer.code == 3
    assert answer.out.endswith(
        "2 rows: 1 new, 0 updated, 0 unchanged, 1 rejected.\n"
        "1 rejected row, each with its reasons: my list.rejected.csv\n"
    )
    assert "Next: " in answer.err
    assert "rejoin groups import 'my list.rejected.csv' --map Sala=name\n" in answer.err
    assert OTHER not in answer.out + answer.err
    mended = tmp_path / "my list.rejected.csv"
    mended.write_text(mended.read_text().replace("x/y", ""))
    after = rejoin("groups", "import", mended.name, "--map", "Sala=name", "--json")
    assert (after.code, after.json["new"], after.json["rejected_file"]) == (0, 1, None)
    assert {one["slug"] for one in rejoin("groups", "list", "--json").json} == {"good", "bad"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing.csv",), "no such file"),
        (("groups.csv", "--map", "Nonsense"), "--map takes column=field"),
        (("groups.csv", "--encoding", "klingon"), "klingon"),
        ((".",), "cannot be read"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_imported_is_one_sentence(rejoin: Rejoin, words: tuple[str, ...], said: str) -> None:
    answer = rejoin("groups", "import", *words)

    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_foreign_name_is_harmless_in_every_form(stocked: Rejoin) -> None:
    table, sheet, data = (
        stocked("groups", "list"),
        stocked("groups", "list", "--csv"),
        stocked("groups", "list", "--json"),
    )

    for answer in (table, sheet, data):
        assert answer.code == 0
        assert "\x1b" not in answer.out
        assert "\u202e" not in answer.out
    assert next(csv.DictReader(io.StringIO(sheet.out)))["group"] == "On Call"
    assert data.json[0]["group"] == "On Call"
    assert {"jid", "instance", "status", "reason", "bucket", "attempts", "code_last4"} <= data.json[0].keys()


def test_a_list_is_narrowed_by_label_and_search(stocked: Rejoin) -> None:
    assert [one["slug"] for one in stocked("groups", "list", "--label", "vip", "--json").json] == ["on-call"]
    assert stocked("groups", "list", "--search", "nowhere", "--json").json == []
    wrong = stocked("groups", "list", "--reason", "tired")
    assert wrong.code == 2
    assert "code_revoked" in wrong.err


def test_codes_are_shown_by_their_end_and_exported_only_when_asked_for(
    stocked: Rejoin, tmp_path: Path
) -> None:
    shown = stocked("groups", "show", "On Call")
    plain = stocked("groups", "export", "plain.csv")
    full = stocked("groups", "export", "full.csv", "--with-codes")

    assert shown.code == plain.code == full.code == 0
    assert "...ule4" in shown.out
    assert CODE not in shown.out + (tmp_path / "plain.csv").read_text()
    assert CODE in (tmp_path / "full.csv").read_text()
    assert stat.S_IMODE((tmp_path / "full.csv").stat().st_mode) == 0o600
    assert stocked("groups", "import", "full.csv", "--json").json["unchanged"] == 2


def test_codes_are_not_shown_on_a_terminal(stocked: Rejoin) -> None:
    code, shown = stocked.on_terminal("groups", "export", "--with-codes")

    assert code == 2
    assert CODE not in shown


def test_a_new_code_comes_from_stdin_and_never_from_a_flag(stocked: Rejoin) -> None:
    done = stocked("groups", "set-code", "on-call", "--json", stdin=f"https://chat.whatsapp.com/{THIRD}\n")

    assert done.code == 0
    assert done.json["code_last4"] == "u777"
    assert THIRD not in done.out + done.err
    assert stocked("groups", "set-code", "on-call", THIRD).code == 2
    assert stocked("groups", "set-code", "on-call", stdin="").code == 2
    assert stocked("groups", "set-code", "nobody", stdin=THIRD).code == 2


def test_a_code_typed_at_the_prompt_is_not_echoed(stocked: Rejoin) -> None:
    code, shown = stocked.on_terminal("groups", "set-code", "on-call", typed=f"{THIRD}\n")

    assert code == 0
    assert "Invite link or code for on-call:" in shown
    assert "ending in u777" in shown
    assert THIRD not in shown


def test_nobody_is_asked_with_no_input(stocked: Rejoin) -> None:
    code, shown = stocked.on_terminal("groups", "set-code", "on-call", "--no-input")

    assert code == 2
    assert "Invite link" not in shown


def test_skip_and_retry_are_said_and_journalled(stocked: Rejoin) -> None:
    skipped = stocked("skip", "on-call", "--because", "closed in May", "--json")
    retried = stocked("retry", "on-call")

    assert skipped.code == retried.code == 0
    assert skipped.json["groups"][0]["status"] == "skipped"
    assert retried.out == "On Call goes back in line.\n"
    kinds = [line["kind"] for line in stocked("log", "--group", "on-call", "--json").json]
    assert kinds == ["act.skip", "act.retry"]
    assert "closed in May" in stocked("groups", "show", "on-call").out


def test_named_groups_stand_or_fall_together(stocked: Rejoin) -> None:
    answer = stocked("skip", "on-call", "nobody")

    assert answer.code == 2
    assert stocked("groups", "list", "--bucket", "skipped", "--json").json == []


def test_a_pause_has_an_end_and_can_be_lifted(stocked: Rejoin) -> None:
    paused = stocked("pause", "--for", "2h", "--because", "why not", "--json")
    resumed = stocked("resume", "--json")

    assert paused.json["paused"] is True
    assert paused.json["until"].endswith("Z")
    assert resumed.json == {"instance": "backup-1", "changed": True, "paused": False, "slow_until": None}
    assert stocked("pause", "--for", "soon").code == 2
    assert stocked("pause", "--to", "sales-main").code == 2


def test_leaving_needs_a_yes(stocked: Rejoin) -> None:
    silent = stocked("leave", "on-call")
    code, shown = stocked.on_terminal("leave", "on-call", typed="n\n")

    assert silent.code == 2
    assert "--yes" in silent.err
    assert code == 2
    assert "Not confirmed, so not done." in shown


def test_rekeying_asks_and_keeps_every_code(stocked: Rejoin, tmp_path: Path) -> None:
    before = (tmp_path / "rejoin.key").read_text()

    assert stocked("db", "rekey").code == 2
    done = stocked("db", "rekey", "--yes", "--json")

    assert done.json["codes"] == 2
    assert (tmp_path / "rejoin.key").read_text() != before
    assert CODE in stocked("groups", "export", "--with-codes").out
    assert stocked("db", "check").code == 0


def test_diagnostics_hold_neither_secrets_nor_names(stocked: Rejoin, tmp_path: Path) -> None:
    import zipfile

    stocked("skip", "on-call", "--because", "Miller asked")

    made = stocked("diagnostics", "-o", "bug.zip", "--json")

    assert made.code == 0
    assert stat.S_IMODE((tmp_path / "bug.zip").stat().st_mode) == 0o600
    with zipfile.ZipFile(tmp_path / "bug.zip") as bundle:
        everything = b"".join(bundle.read(name) for name in bundle.namelist()).decode()
        assert set(made.json["parts"]) == set(bundle.namelist())
    assert '"act.skip"' in everything
    for secret in ("geheim", CODE, OTHER, "On Call", "on-call", "Evil", "Miller", os.uname().nodename):
        assert secret not in everything
    assert stocked("diagnostics", "-o", "bug.zip").code == 2


def test_diagnostics_work_with_a_broken_configuration(rejoin: Rejoin, tmp_path: Path) -> None:
    with (tmp_path / "rejoin.toml").open("a") as config:
        config.write("nonsense = 1\n")

    made = rejoin("diagnostics", "--json")

    assert made.code == 0
    assert made.json["parts"] == ["version.json", "configuration.json"]


def test_the_doctor_says_that_the_gateway_is_not_there(stocked: Rejoin) -> None:
    answer = stocked("doctor", "--json")

    assert answer.code == 5
    failed = [one for one in answer.json["findings"] if one["state"] == "failed"]
    assert {one["instance"] for one in failed} == {"sales-main", "backup-1"}
    assert "geheim" not in answer.out + answer.err
    assert stocked("doctor", "--to", "nobody").code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--search", "zzz"),
        ("--label", "zzz"),
        ("--instance", "zzz"),
        ("--bucket", "done"),
        ("--reason", "group_full", "--search", "zzz"),
        ("--search", "zzz", "--csv"),
    ],
    ids=" ".join,
)
def test_a_filter_that_lets_nothing_through_does_not_say_that_there_is_nothing(
    stocked: Rejoin, words: tuple[str, ...]
) -> None:
    answer = stocked("groups", "list", *words)

    assert (answer.code, answer.out) == (0, "")
    assert f"None of 2 groups matches {' '.join(words).removesuffix(' --csv')}." in answer.err.replace(
        "--search zzz --reason group_full", "--reason group_full --search zzz"
    )
    assert "import" not in answer.err


def test_empty_lists_say_whether_the_filter_or_the_table_is_empty(rejoin: Rejoin) -> None:
    assert "rejoin groups import brings them in" in rejoin("groups", "list", "--search", "zzz").err
    assert rejoin("log").err == "The journal is empty.\n"
    assert "None of the messages is parked." in rejoin("outbox", "list", "--parked").err
    assert "No event of backup-1 is stored." in rejoin("hooks", "list", "--instance", "backup-1").err
    assert "No event is stored." in rejoin("hooks", "list").err
