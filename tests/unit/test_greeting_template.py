from __future__ import annotations

import time

import pytest
from jinja2 import TemplateError

from orchestrator.greeting_template import VARIABLES, check, fill_in

# Each would run or grow for ever, or reach for something that is not a greeting's business.
ENDLESS = [
    "{{ 9**9**9 }}",
    "{{ 'x' * 9999999999 }}",
    "{{ members * 'x' }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}hello",
    "{% set x = 'x' %}{% set x = x ~ x %}{{ x }}",
    "{{ 'x' | center(9999999999) }}",
    "{{ '%9999999999d' % 1 }}",
    "{{ 'x'.ljust(9999999999) }}",
    "{{ lipsum(n=9999999) }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ 'x' | replace('x', 'xxxxxxxx') | replace('x', 'xxxxxxxx') }}",
    "{{ instance.__class__ }}",
    "{{ [1, 2] }}",
    "{% include 'secret' %}",
]


@pytest.mark.parametrize("template", ENDLESS)
def test_what_could_run_or_grow_for_ever_is_refused_before_it_runs(template: str) -> None:
    started = time.process_time()
    with pytest.raises(TemplateError, match="a greeting cannot use"):
        check(template)
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hello {{ group }}, {{ instance }} is back.", "Hello Team {{ 7 * 7 }}, backup-1 is back."),
        ("{{ subject | upper }} ", "TEAM"),
        ("{% if members and members > 20 %}Hello all{% else %}Hello{% endif %}", "Hello all"),
        ("{{ 'many' if members is number and members - 1 >= 30 else 'few' }}", "few"),
        ("{{ 'a' ~ members }} {{ nothing | default('-') }}", "a30 -"),
    ],
)
def test_values_conditions_and_simple_filters_are_filled_in(template: str, text: str) -> None:
    values = {"instance": "backup-1", "group": "Team {{ 7 * 7 }}", "subject": "Team", "members": 30}
    assert fill_in(template, **values) == text


@pytest.mark.parametrize("template", ["   ", "{{ nothing }}", "x" * 4097])
def test_an_empty_or_overlong_greeting_is_none(template: str) -> None:
    with pytest.raises(ValueError, match="must have 1 to 4096 characters"):
        fill_in(template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ grup }}",
        "{% if nmae %}x{% endif %}",
        "{{ group ~ self }}",
        "{{ members + users }}",
        "{{ config }}",
    ],
)
def test_a_variable_that_there_is_not_is_refused_with_those_that_there_are(template: str) -> None:
    with pytest.raises(TemplateError, match=r"there is no .*; there are instance, group, subject, members"):
        check(template)


def test_every_variable_that_there_is_can_be_used() -> None:
    check("".join(f"{{{{ {name} }}}}" for name in VARIABLES))


@pytest.mark.parametrize(
    "digits",
    [
        "-99999999",
        "99999999",
        "members",
        "precision=99999999",
        "*members",
        "**members",
        "1 + 99999999",
        "true",
    ],
)
def test_nothing_is_rounded_for_ever(digits: str) -> None:
    with pytest.raises(TemplateError, match="round to 0 to 9 digits"):
        check(f"{{{{ members|round({digits}) }}}}")


def test_a_number_is_rounded() -> None:
    check("{{ (members / 3)|round(1, 'floor') }}")
    assert fill_in("{{ (members / 3)|round(1, 'floor') }}", members=10) == "3.3"


@pytest.mark.parametrize(
    "template",
    ["{{ 1 / 0 }}", "{{ group + 1 }}", "{{ group | round }}", "{{ 'a' | truncate(-5) }}", "{{ '\\ud800' }}",
     "{{ group | default(1, 2, 3, 4) }}", "{{ 5 | round(2, 'zzz') }}", "{{ group is divisibleby(0) }}"],
)  # fmt: skip
def test_what_fails_for_every_group_is_refused_at_once(template: str) -> None:
    with pytest.raises(TemplateError, match="it fails when it is filled in"):
        check(template)
