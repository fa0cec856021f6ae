"""`rejoin completion`: what a shell should offer after each word.

The script holds the words, so that a press of Tab starts nothing. The library's own generator brings rich,
which a shell's start should not wait for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from orchestrator.cli.call import NOTHING_SAID, Call, positional
from orchestrator.cli.command_line import HELP_FLAGS, build
from orchestrator.cli.command_list import COMMANDS, FAMILIES

Shell = Literal["bash", "zsh", "fish"]


def completion(
    shell: Annotated[Shell, positional("SHELL", "bash, zsh or fish.")],
    /,
    *,
    call: Call = NOTHING_SAID,
) -> None:
    """Print a script that teaches your shell the commands and flags.

    Examples:
      source <(rejoin completion bash)                                    in ~/.bashrc
      source <(rejoin completion zsh)                                     in ~/.zshrc, after compinit
      rejoin completion fish > ~/.config/fish/completions/rejoin.fish
    """
    script = _SCRIPTS[shell](_offers())
    call.out.answer_either({"shell": shell, "script": script}, script.rstrip())


@dataclass(frozen=True, slots=True)
class Flag:
    names: tuple[str, ...]
    help: str
    takes: tuple[str, ...] | None  # the values to choose from; (): any value; None: it takes none
    file: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """What may follow one command, or a family of them."""

    path: tuple[str, ...]
    words: tuple[tuple[str, str], ...]  # further commands or fixed values, with their help
    flags: tuple[Flag, ...]
    files: bool


def _offers() -> list[Offer]:
    app = build()
    top = {c.path[0]: FAMILIES.get(c.path[0], c.help) for c in COMMANDS}
    asking = (
        Flag(HELP_FLAGS, "Say more.", None, file=False),
        Flag(("--version",), "Which one.", None, file=False),
    )
    offers = [Offer((), tuple(top.items()), asking, files=False)]
    for family in FAMILIES:
        words = tuple((c.path[1], c.help) for c in COMMANDS if c.path[0] == family)
        offers.append(Offer((family,), words, (), files=False))
    for command in COMMANDS:
        target = app
        for name in command.path:
            target = target[name]
        offers.append(_offer(command.path, list(target.assemble_argument_collection())))
    return offers


def _offer(path: tuple[str, ...], arguments: list[Any]) -> Offer:
    shown = [a for a in arguments if a.show and a.parse]
    flags = tuple(_flag(a) for a in shown if a.names[0].startswith("-"))
    by_position = [a for a in shown if not a.names[0].startswith("-")]
    words = tuple((choice, "") for a in by_position for choice in a.get_choices() or ())
    return Offer(path, words, flags, files=any("Path" in str(a.hint) for a in by_position))


def _flag(argument: Any) -> Flag:
    takes = None if argument.hint is bool else tuple(argument.get_choices() or ())
    return Flag(
        tuple(argument.names), argument.parameter.help or "", takes, file="Path" in str(argument.hint)
    )


def _key(path: tuple[str, ...]) -> str:
    return " ".join(path)


def _bash(offers: list[Offer]) -> str:
    cases = []
    for offer in offers:
        words = [word for word, _ in offer.words] + [name for flag in offer.flags for name in flag.names]
        files = "; files=1" if offer.files else ""
        cases.append(f'        "{_key(offer.path)}") words="{" ".join(words)}"{files} ;;')
    paths = "|".join(f'"{_key(offer.path)}"' for offer in offers if offer.path)
    filled = _BASH.replace("@PATHS@", f"        {paths}").replace("@CASES@", "\n".join(cases))
    return filled.replace("@VALUES@", _bash_values(offers))


def _bash_values(offers: list[Offer]) -> str:
    flags = {name: flag for offer in offers for flag in offer.flags for name in flag.names}
    valued = {name: flag for name, flag in flags.items() if flag.takes is not None}
    return "\n".join(
        f'        {name}) words="{" ".join(flag.takes or ())}"; files={"1" if flag.file else ""} ;;'
        for name, flag in valued.items()
    )


def _zsh(offers: list[Offer]) -> str:
    return f"#compdef rejoin\nautoload -Uz bashcompinit && bashcompinit\n{_bash(offers)}"


def _fish(offers: list[Offer]) -> str:
    lines = ["complete -c rejoin -f"]
    for offer in offers:
        condition = _fish_condition(offer)
        for word, told in offer.words:
            lines.append(f"complete -c rejoin {condition} -a {word} -d {_fish_quoted(told)}")
        lines.extend(f"complete -c rejoin {condition} {_fish_flag(flag)}" for flag in offer.flags)
        if offer.files:
            lines.append(f"complete -c rejoin {condition} -F")
    return "\n".join(lines)


def _fish_condition(offer: Offer) -> str:
    if not offer.path:
        return "-n __fish_use_subcommand"
    seen = "; and ".join(f"__fish_seen_subcommand_from {name}" for name in offer.path)
    if offer.words and not offer.flags:  # a family: its commands are offered until one of them stands there
        known = " ".join(word for word, _ in offer.words)
        seen += f"; and not __fish_seen_subcommand_from {known}"
    return f"-n {_fish_quoted(seen)}"


def _fish_flag(flag: Flag) -> str:
    parts = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in flag.names]
    if flag.takes is not None:
        parts.append("-r -F" if flag.file else f"-x -a {_fish_quoted(' '.join(flag.takes))}")
    return " ".join([*parts, f"-d {_fish_quoted(flag.help)}"])


def _fish_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


_SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish}

_BASH = """\
_rejoin() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} path= words= files= word at
    for ((at = 1; at < COMP_CWORD; at++)); do
        word=${COMP_WORDS[at]}
        case $word in -*) continue ;; esac
        case ${path:+$path }$word in
@PATHS@) path=${path:+$path }$word ;;
        esac
    done
    case $path in
@CASES@
    esac
    case $before in
@VALUES@
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [ -n "$files" ]; then
        COMPREPLY+=($(compgen -f -- "$current"))
    fi
}
complete -o filenames -F _rejoin rejoin
"""
