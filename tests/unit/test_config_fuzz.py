from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from orchestrator.config import ConfigError, Settings, effective, load
from orchestrator.config.environment import variable_for
from orchestrator.config.keys import Kind, keys_of, known_names
from orchestrator.config.raw_values import is_secret
from tests.unit.config_files import BACKUP, problems, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from orchestrator.config.problems import KeyPath

LONG = "9" * 400  # longer than a float can be
TOO_LONG = "9" * 5000  # longer than Python reads
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
    LONG,
    f"-{LONG}",
    f"'{LONG}'",
    f"'127.0.0.1:{TOO_LONG}'",
    "{ a = { b = 1 } }",
    "[[1], {}]",
    "['x', 1]",
    "07:32:00",
    "'postgresql://h:99999/x'",
    "'postgresql://h%zz/x?host=%ff&port=x'",
    '"sqlite:///x\\u0000"',
    "'https://['",
    "'whatsapp://x'",
    "[['x']]",
    f"'{'a/' * 3000}'",
]
UNREADABLE = [TOO_LONG, "[" * 3000 + "]" * 3000, "{ a = " * 2000 + "1" + "}" * 2000]

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


def known_paths(model: type[BaseModel], above: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key of the configuration, its sections and `…_file` included, in the first item of each list."""
    for key in keys_of(model).values():
        path: KeyPath = (*above, key.name)
        yield path
        if key.secret:
            yield (*above, f"{key.name}_file")
        if key.kind is Kind.LIST:
            yield (*path, 0)
        if key.model:
            below: KeyPath = (*path, 0) if key.kind is Kind.TABLES else path
            yield from [below] if below != path else []
            yield from known_paths(key.model, below)


def inline(path: KeyPath, value: str) -> str:
    """TOML that gives this value to one key."""
    for step in reversed(path[1:]):
        value = f"[{value}]" if isinstance(step, int) else f"{{ {step} = {value} }}"
    return f"{path[0]} = {value}\n"


@pytest.mark.parametrize("path", list(known_paths(Settings)), ids=lambda path: ".".join(map(str, path)))
def test_no_key_takes_a_value_of_whatever_type_for_granted(tmp_path: Path, path: KeyPath) -> None:
    """The file gives the value; or it gives an instance, and the environment gives the value."""
    for value in VALUES:
        assert outcome(write(tmp_path, inline(path, value)), {})
        assert outcome(write(tmp_path, inline(path, value)), {variable_for(path): "x"})
        assert outcome(write(tmp_path, BACKUP), {variable_for(path): value.strip("'")})
        if path[:2] == ("instances", 0) and len(path) > 2:
            others = "\n".join(line for line in BACKUP.splitlines() if not line.startswith(f"{path[2]} ="))
            assert outcome(write(tmp_path, others + "\n" + inline(path[2:], value)), {})


@pytest.mark.parametrize("value", UNREADABLE, ids=["long number", "deep list", "deep table"])
def test_what_python_cannot_read_is_refused_with_a_sentence(tmp_path: Path, value: str) -> None:
    assert problems(tmp_path, f"[notify]\nurls = {value}\n") == [
        "rejoin.toml: holds a number that is too long, or values nested too deep, to be read"
    ]
    assert problems(tmp_path, "", {"REJOIN_NOTIFY__URLS": value}) == [
        'REJOIN_NOTIFY__URLS (environment): must be a list, such as ["one", "two"]'
    ]


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
