"""Filling in a greeting's template, in a part of Jinja's language in which nothing can run or grow for long.

No loops, no calls, no variables of one's own and no arithmetic that makes much of little: the text is at most
as long as the template with a few values put in, so that filling it in is over at once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_LENGTH = 4096  # characters: what every gateway takes in one text
_ENVIRONMENT = ImmutableSandboxedEnvironment(autoescape=False)
_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Test, nodes.Filter, nodes.Concat),
    *(nodes.Add, nodes.Sub, nodes.Div, nodes.FloorDiv, nodes.Neg, nodes.Pos),
)
_FILTERS = frozenset(
    {"abs", "capitalize", "d", "default", "first", "float", "int", "last", "length", "lower", "round"}
    | {"string", "title", "trim", "truncate", "upper"}
)


VARIABLES = ("instance", "group", "subject", "members")


def check(template: str) -> None:
    """Raises jinja2.TemplateError for what is no template, asks for more than filling in, or always fails."""
    _compiled(template)
    for name in _ENVIRONMENT.parse(template).find_all(nodes.Name):
        if name.name not in VARIABLES:
            raise TemplateError(f"there is no {name.name}; there are {', '.join(VARIABLES)}")
    try:
        _compiled(template).render(instance="backup-1", group="sales", subject="Sales", members=100).encode()
    except Exception as error:  # noqa: BLE001 - whatever it is, it would be in the way of every greeting
        raise TemplateError(f"it fails when it is filled in: {error}") from None


def fill_in(template: str, **values: Any) -> str:
    """The text. Values are data here, never a template.

    Raises jinja2.TemplateError, or whatever a template's arithmetic raises; ValueError for a text that comes
    out empty or longer than WhatsApp takes.
    """
    text = _compiled(template).render(**values)
    if not 0 < len(text.strip()) <= MAX_LENGTH:
        raise ValueError(f"a greeting must have 1 to {MAX_LENGTH} characters, this one has {len(text)}")
    text.encode()  # half a character is a ValueError, too
    return text.strip()


@lru_cache(maxsize=8)
def _compiled(template: str) -> Template:
    for node in _all_of(_ENVIRONMENT.parse(template)):
        if not isinstance(node, _ALLOWED):
            raise TemplateError(f"a greeting cannot use {_word(node)}")
        if isinstance(node, nodes.Filter) and node.name not in _FILTERS:
            known = ", ".join(sorted(_FILTERS))
            raise TemplateError(f"a greeting cannot use the filter {node.name}; it can use {known}")
        if isinstance(node, nodes.Filter) and node.name == "round" and not _rounds_soon(node):
            raise TemplateError("a greeting can round to 0 to 9 digits, written as a number")
    return _ENVIRONMENT.from_string(template)


def _rounds_soon(node: nodes.Filter) -> bool:
    """Rounding to a million digits would make a number of a million digits first."""
    given = [*node.args, *(pair.value for pair in node.kwargs)]
    numbers = [one.value for one in given if isinstance(one, nodes.Const)]
    digits = [number for number in numbers if not isinstance(number, str)]
    usual = all(type(number) is int and 0 <= number <= 9 for number in digits)
    return len(numbers) == len(given) and usual and node.dyn_args is None and node.dyn_kwargs is None


def _all_of(tree: nodes.Template) -> list[nodes.Node]:
    return [tree, *tree.find_all(nodes.Node)]


def _word(node: nodes.Node) -> str:
    words = {nodes.For: "loops", nodes.Call: "calls", nodes.Assign: "set", nodes.Pow: "**", nodes.Mul: "*"}
    return words.get(type(node), type(node).__name__.lower())
