"""Every regular expression of the package, and texts that are bad for it."""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
import re
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from re import _constants as kinds  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

import orchestrator

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBES = "a-\" 0\\A=.[(_\n:/%@'+,;!])*xe\u00e9"
_REPEATS = {kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT}
_LONG = 256  # repetitions; fewer cost at most that factor
_CATEGORIES = {
    kinds.CATEGORY_DIGIT: r"\d",
    kinds.CATEGORY_NOT_DIGIT: r"\D",
    kinds.CATEGORY_SPACE: r"\s",
    kinds.CATEGORY_NOT_SPACE: r"\S",
    kinds.CATEGORY_WORD: r"\w",
    kinds.CATEGORY_NOT_WORD: r"\W",
}


@dataclass(frozen=True)
class Used:
    """One pattern. `methods`: by which of its methods it may be used; `where` is told when it fails."""

    where: str
    pattern: re.Pattern[str]
    methods: frozenset[str]


@cache
def all_patterns() -> list[Used]:
    """Of all modules: what they hold, and what they give to `re` as a literal."""
    found: dict[tuple[str, int], Used] = {}
    sources = {name: _tree(name) for name in _modules()}
    methods = _methods(sources.values())
    for name, tree in sources.items():
        module = importlib.import_module(name)
        for variable, value in vars(module).items():
            for pattern in _held(value):
                used = methods.get(variable) or frozenset({"search"})
                found[pattern.pattern, pattern.flags] = Used(f"{name}.{variable}", pattern, used)
        for call, pattern in _literals(tree):
            found.setdefault(
                (pattern.pattern, pattern.flags), Used(f"{name}:{call.lineno}", pattern, _said(call))
            )
    return sorted(found.values(), key=lambda one: one.where)


def made_at_run_time() -> list[str]:
    """Where functions give something else than a literal to `re`: nobody can collect those."""
    places = []
    for name in _modules():
        tree = _tree(name)
        inside = [node for one in ast.walk(tree) if isinstance(one, _FUNCTIONS) for node in ast.walk(one)]
        literal = {call for call, _ in _literals(tree)}
        places += [f"{name}:{_said_name(node)}" for node in inside if _calls_re(node) and node not in literal]
    return sorted(set(places))


def bad_texts(pattern: re.Pattern[str], size: int) -> Iterator[str]:
    """Texts of about that many characters, made from what the pattern repeats and what stands before it."""
    seen = set()
    for before, body in _repeated(_parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)):
        for unit in {body, before + body, before + body + "-", before + body + " ", body + " "}:
            for head in {"", before}:
                for tail in ("", "!\n\0"):
                    seen.add((head, unit, tail))
    for head, unit, tail in sorted(seen):
        if unit:
            yield head + unit * (size // len(unit)) + tail


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def _modules() -> list[str]:
    found = pkgutil.walk_packages(orchestrator.__path__, "orchestrator.")
    return [one.name for one in found if not one.name.endswith("__main__")]


@cache
def _tree(name: str) -> ast.Module:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _held(value: Any, depth: int = 3) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, tuple | list | set | frozenset | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _held(inner, depth - 1)
    elif depth and is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _held(getattr(value, field.name, None), depth - 1)


def _calls_re(node: Any) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr != "escape"
    )


def _said_name(call: Any) -> str:
    return str(call.func.attr)


def _said(call: ast.Call) -> frozenset[str]:
    return frozenset({_said_name(call)}) - {"compile"} or frozenset({"search"})


def _literals(tree: ast.Module) -> Iterator[tuple[ast.Call, re.Pattern[str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _calls_re(node) and isinstance(node.args[0], ast.Constant):
            named = {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
            flags = [flag for flag in re.RegexFlag if flag.name in named]
            yield node, re.compile(str(node.args[0].value), sum(flags))


def _methods(trees: Any) -> dict[str, frozenset[str]]:
    """By which methods the variables of each name are used, in all modules."""
    found: dict[str, set[str]] = {}
    for tree in trees:
        calls: list[Any] = [node for node in ast.walk(tree) if _is_method(node)]
        called = {id(node.func.value) for node in calls}
        locally = {
            node.func.attr for node in calls if node.func.value.id.islower() and node.func.value.id != "re"
        } or {"search"}
        node: Any
        for node in ast.walk(tree):
            if _is_method(node):
                found.setdefault(node.func.value.id, set()).add(node.func.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in called:
                found.setdefault(node.id, set()).update(locally)  # handed on, as a parameter or in a loop
    return {name: frozenset(methods) for name, methods in found.items()}


def _is_method(node: Any) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.attr in {"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
    )


def _repeated(tree: Any) -> Iterator[tuple[str, str]]:
    """(what stands before it, the body) of every long repetition, in some variants."""
    for variant in range(5):
        yield from _walk(tree, "", variant)


def _walk(nodes: Any, before: str, variant: int) -> Iterator[tuple[str, str]]:
    for node in nodes:
        kind, given = node
        if kind in _REPEATS:
            if given[1] >= _LONG:
                yield before, _sample(given[2], variant)
            yield from _walk(given[2], before, variant)
        elif kind is kinds.BRANCH:
            for branch in given[1]:
                yield from _walk(branch, before, variant)
        elif kind is kinds.SUBPATTERN:
            yield from _walk(given[-1], before, variant)
        elif kind is kinds.ATOMIC_GROUP:
            yield from _walk(given, before, variant)
        before += _sample([node], variant)


def _sample(nodes: Any, variant: int) -> str:
    return "".join(_one(kind, given, variant) for kind, given in nodes)


def _one(kind: Any, given: Any, variant: int) -> str:
    if kind is kinds.LITERAL:
        return chr(given)
    if kind in {kinds.IN, kinds.NOT_LITERAL, kinds.ANY}:
        fitting = [sign for sign in PROBES if _fits(kind, given, sign)] or [_first(given)]
        return fitting[variant % len(fitting)]
    if kind in _REPEATS:
        return _sample(given[2], variant) * (given[0] or variant % 2)
    if kind is kinds.BRANCH:
        return _sample(given[1][variant % len(given[1])], variant)
    if kind is kinds.SUBPATTERN:
        return _sample(given[-1], variant)
    return _sample(given, variant) if kind is kinds.ATOMIC_GROUP else ""


def _fits(kind: Any, given: Any, sign: str) -> bool:
    if kind is kinds.ANY:
        return sign != "\n"
    if kind is kinds.NOT_LITERAL:
        return ord(sign) != int(given)
    negated = any(one is kinds.NEGATE for one, _ in given)
    return negated != any(_member(one, value, sign) for one, value in given)


def _member(kind: Any, value: Any, sign: str) -> bool:
    if kind is kinds.LITERAL:
        return ord(sign) == int(value)
    if kind is kinds.RANGE:
        return bool(value[0] <= ord(sign) <= value[1])
    return bool(kind is kinds.CATEGORY) and re.match(_CATEGORIES[value], sign) is not None


def _first(given: Any) -> str:
    for kind, value in given:
        if kind in {kinds.LITERAL, kinds.RANGE}:
            return chr(value if kind is kinds.LITERAL else value[0])
    return "a"
