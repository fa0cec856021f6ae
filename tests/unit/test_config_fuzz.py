from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestrator.config import ConfigError, Settings, effective, load
from orchestrator.config.draft import is_secret
from orchestrator.config.schema import keys_of, known_names
from tests.unit.config_files import BACKUP, problems, write

SECTIONS = list(keys_of(Settings))
NAMES = sorted({name for key in keys_of(Settings).values() if key.model for name in known_names(key.model)})
VALUES = [
    "1",
    "-1",
    "4.0",
    "nan",
    "true",
    "''",
    "'x'",
    "'60s'",
    "[]",
    "[1]",
    "['x']",
    "{}",
    "{ url = 1 }",
    "[{}]",
    "[[]]",
    "{ paths = 1 }",
    "1979-05-27",
    "'https://x'",
    "'https://u:p@x'",
    "'xxx'",
    '"\\u0000"',
    "'\u00e9\u202e'",
    "9999999999999999999999",
    "'+4915123456'",
]

values = st.sampled_from(VALUES)
pairs = st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=4, unique_by=lambda pair: pair[0])
tables = st.tuples(st.sampled_from(SECTIONS), st.sampled_from(["[{}]", "[[{}]]", "{}"]), pairs)
steps = st.sampled_from(
    [s.upper() for s in SECTIONS + NAMES] + ["0", "1", "BACKUP_1", "", "PATHS", "9" * 5000]
)
variables = st.dictionaries(
    st.lists(steps, min_size=1, max_size=4).map(lambda parts: "REJOIN_" + "__".join(parts)),
    values | st.text(max_size=5).filter(lambda text: "\0" not in text),
    max_size=4,
)


def document(parts: list[tuple[str, str, list[tuple[str, str]]]]) -> str:
    """Inline values first, since whatever follows a header belongs to it."""
    inline = [f"{name} = {pairs[0][1]}\n" for name, form, pairs in parts if form == "{}" and pairs]
    headed = [
        f"{form.format(name)}\n" + "".join(f"{key} = {value}\n" for key, value in pairs)
        for name, form, pairs in parts
        if form != "{}"
    ]
    return "".join(inline) + "".join(headed)


@hypothesis_settings(max_examples=300, deadline=None)
@given(st.lists(tables, max_size=4, unique_by=lambda table: table[0]).map(document), variables)
@example(BACKUP, {"REJOIN_INSTANCES__BACKUP_1": "{}"})
@example(BACKUP, {"REJOIN_INSTANCES__BACKUP_1": "x", "REJOIN_INSTANCES__0__ROLE": "backup"})
@example(BACKUP, {"REJOIN_INSTANCES__99999": "x"})
def test_whatever_is_written_the_answer_is_settings_or_problems(text: str, environ: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder), text)
        assert outcome(file, environ)


def outcome(file: Path, environ: dict[str, str]) -> list[str]:
    """What there is to read: the values, or the problems."""
    try:
        return [entry.key for entry in effective(load(file, environ))]
    except ConfigError as error:
        return str(error).splitlines()


def test_an_endless_instance_number_is_refused_like_any_other(tmp_path: Path) -> None:
    variable = f"REJOIN_INSTANCES__{'9' * 5000}__ROLE"

    assert problems(tmp_path, BACKUP, {variable: "x"}) == [
        f"{variable} (environment): instances has no item of that name or number"
    ]


def test_what_no_model_knows_counts_as_secret() -> None:
    assert is_secret(("pasword",))
    assert is_secret(("instances", 0, "access_token"))
    assert is_secret(("notify", "urls", 3))
    assert not is_secret(("instances", 0, "base_url"))
