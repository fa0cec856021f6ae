"""What is seen of an account, how little each reading says by itself, and each in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.domain.meanings import InstanceState, Outcome
from orchestrator.domain.times import instant

if TYPE_CHECKING:
    from orchestrator.domain.outcomes import GatewayAnswer, SessionAnswer


class Kind(StrEnum):
    """Where a reading came from: two different kinds make a decision."""

    STATE = "state"  # the gateway was asked for the session's state
    EVENT = "event"  # the gateway told a change of it by webhook
    MEMBERS = "members"  # the members of a group that the account is in were asked for
    LIST = "list"  # its list of groups was


CALLS = frozenset({Kind.MEMBERS, Kind.LIST})

WORKS, SESSION_DOWN, REFUSED = "works", "session_down", "credentials_refused"
OUT_OF_REACH, EMPTY, UNCLEAR = "out_of_reach", "empty", "unclear"
SOURCES = {
    Kind.STATE: "the session's state, asked for",
    Kind.EVENT: "the session's state, told by the gateway",
    Kind.MEMBERS: "a look at the members of one of its groups",
    Kind.LIST: "a look at its list of groups",
}
_SAYS = {
    WORKS: "it works",
    SESSION_DOWN: "the session is down",
    REFUSED: "the gateway refuses the token or the instance_id",
    OUT_OF_REACH: "the gateway gave no answer",
    EMPTY: "an empty answer, which proves nothing",
    UNCLEAR: "an answer that says nothing of the account",
}
_GONE_STATES = frozenset({InstanceState.NEEDS_LOGIN, InstanceState.LOST})
_WEAK_STATES = frozenset({InstanceState.STARTING.value, InstanceState.DISCONNECTED.value})
_UNREACHED = frozenset({Outcome.TRANSIENT, Outcome.UNKNOWN})


@dataclass(frozen=True, slots=True)
class LossEvidence:
    """One reading. `gone`: what it says of the account, None for nothing. `text` is foreign and scrubbed."""

    at: float
    kind: Kind
    gone: bool | None
    says: str
    text: str = ""

    @property
    def weak(self) -> bool:
        """The session does not work just now, as happens to healthy ones too."""
        return self.gone is None and self.says in _WEAK_STATES


def by_state(state: InstanceState, word: str, at: float, *, kind: Kind = Kind.EVENT) -> LossEvidence:
    """A session's state says so much."""
    gone = True if state in _GONE_STATES else False if state is InstanceState.WORKING else None
    return LossEvidence(at, kind, gone, state.value, word)


def by_poll(answer: SessionAnswer, at: float) -> LossEvidence:
    """The answer to a question for the state. A gateway out of reach says nothing of the account."""
    outcome, text = answer.answer.outcome, answer.answer.text
    if outcome is Outcome.BAD_CREDENTIALS:
        return LossEvidence(at, Kind.STATE, gone=True, says=REFUSED, text=text)
    if outcome is Outcome.OK or answer.state is not InstanceState.UNKNOWN:
        return by_state(answer.state, answer.word or text, at, kind=Kind.STATE)
    return LossEvidence(at, Kind.STATE, None, OUT_OF_REACH if outcome in _UNREACHED else UNCLEAR, text)


def by_call(kind: Kind, answer: GatewayAnswer, at: float, *, empty: bool) -> LossEvidence:
    """The answer to a call that needs the session. An empty list is no proof that it works: lists lie."""
    outcome, text = answer.outcome, answer.text
    if outcome is Outcome.SESSION_DOWN:
        return LossEvidence(at, kind, gone=True, says=SESSION_DOWN, text=text)
    if outcome is Outcome.BAD_CREDENTIALS:
        return LossEvidence(at, kind, gone=True, says=REFUSED, text=text)
    if outcome is Outcome.OK:
        return (
            LossEvidence(at, kind, None, EMPTY, text)
            if empty
            else LossEvidence(at, kind, gone=False, says=WORKS)
        )
    return LossEvidence(at, kind, None, OUT_OF_REACH if outcome in _UNREACHED else UNCLEAR, text)


FIRST, LAST = 6, 5  # readings of one suspicion that are kept: the first of all, the last of each kind


def add(evidence: tuple[LossEvidence, ...], new: LossEvidence) -> tuple[LossEvidence, ...]:
    """With one more. Of a run of readings of a kind that say the same, the first and the last stay; of very
    many the first few, the last few, and what decides: the last of each kind that says anything.
    """
    before = _places(evidence, new.kind)[-2:]
    if len(before) == 2 and all(_alike(evidence[place], new) for place in before):
        evidence = evidence[: before[1]] + evidence[before[1] + 1 :]
    evidence = (*evidence, new)
    kept = set(range(FIRST))
    for kind in Kind:
        places = _places(evidence, kind)
        telling = [place for place in places if evidence[place].gone is not None]
        working = [place for place in telling if not evidence[place].gone]
        kept.update(places[-LAST:], telling[-1:], working[-1:])
    return tuple(one for place, one in enumerate(evidence) if place in kept)


def _places(evidence: tuple[LossEvidence, ...], kind: Kind) -> list[int]:
    return [place for place, one in enumerate(evidence) if one.kind is kind]


def _alike(one: LossEvidence, other: LossEvidence) -> bool:
    return (one.gone, one.says) == (other.gone, other.says)


def in_words(one: LossEvidence) -> str:
    """`2026-11-22T21:42:00Z the session's state, asked for: needs_login (SCAN_QR_CODE)`."""
    said = _SAYS.get(one.says, one.says)
    text = f" ({one.text})" if one.text else ""
    return f"{instant(one.at)} {SOURCES[one.kind]}: {said}{text}"
