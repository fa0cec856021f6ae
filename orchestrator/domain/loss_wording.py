"""A case in words, for messages and the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.domain.readings import EMPTY, OUT_OF_REACH, REFUSED, SESSION_DOWN, UNCLEAR, WORKS, Kind
from orchestrator.domain.times import instant
from orchestrator.domain.watching import accusing

if TYPE_CHECKING:
    from orchestrator.domain.readings import LossEvidence
    from orchestrator.domain.watching import Case

_SOURCE = {
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


def in_words(one: LossEvidence) -> str:
    """`2026-11-22T21:42:00Z the session's state, asked for: needs_login (SCAN_QR_CODE)`."""
    said = _SAYS.get(one.says, one.says)
    text = f" ({one.text})" if one.text else ""
    return f"{instant(one.at)} {_SOURCE[one.kind]}: {said}{text}"


def how_decided(case: Case, lasted: float) -> str:
    """Why it counts as lost, in a sentence."""
    kinds = sorted(accusing(case), key=list(Kind).index)
    sources = [_SOURCE[kind] for kind in kinds]
    if len(sources) == 1:
        sources.insert(0, "a session that never came to work")
    minutes = max(1, round(lasted / 60))
    return f"after {minutes} min by {len(sources)} kinds of evidence: {'; '.join(sources)}"
