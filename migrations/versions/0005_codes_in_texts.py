"""Invite codes that stand in stored texts are reduced to their last four characters, in the journal too.

Earlier versions stored subjects, and sentences that quote them, as gateways and tables gave them. No key is
at hand here: a bare word is one of our codes if it ends like a stored one.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from orchestrator.domain.redaction import hide_codes

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BATCH = 1000
_TEXTS = {
    "groups": ("name", "subject", "notes"),
    "memberships": ("detail", "seen_subject", "seen_owner"),
    "instances": ("pause_text", "state_word"),
    "losses": ("detail",),
    "deliveries": ("error",),
}
_JSON = {
    "journal": ("data",),
    "messages": ("data",),
    "losses": ("evidence",),
    "recoveries": ("labels",),
    "events": ("body",),
}
_UNLOCK = {
    "sqlite": "DROP TRIGGER journal_no_update",
    "postgresql": "ALTER TABLE journal DISABLE TRIGGER journal_append_only",
}
_LOCK = {
    "sqlite": (
        "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal"
        " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    ),
    "postgresql": "ALTER TABLE journal ENABLE TRIGGER journal_append_only",
}


class _Ours:
    """The words that end like one of our codes."""

    def __init__(self, endings: set[str]) -> None:
        self._endings = endings

    def __contains__(self, word: object) -> bool:
        return str(word)[-4:] in self._endings


def upgrade() -> None:
    bind = op.get_bind()
    ours = _Ours(set(bind.execute(sa.text("SELECT DISTINCT last4 FROM invite_codes")).scalars()))
    op.execute(_UNLOCK[bind.dialect.name])
    for table, columns in _TEXTS.items():
        for column in columns:
            _clean(bind, table, column, lambda text: hide_codes(text, ours=ours))
    for table, columns in _JSON.items():
        for column in columns:
            _clean(bind, table, column, lambda text: _hidden_json(text, ours))
    op.execute(_LOCK[bind.dialect.name])
    _clean_labels(bind, ours)


def _clean(bind: sa.Connection, name: str, column: str, hide: Any) -> None:
    """Batch by batch in the order of the ids; only what changes is written."""
    table = sa.table(name, sa.column("id", sa.BigInteger), sa.column(column, sa.Text))
    c, last = table.c, 0
    while True:
        query = sa.select(c.id, c[column]).where(c.id > last).order_by(c.id).limit(_BATCH)
        rows = bind.execute(query).all()
        if not rows:
            return
        for number, text in rows:
            if text and (hidden := hide(text)) != text:
                bind.execute(sa.update(table).where(c.id == number).values({column: hidden}))
        last = rows[-1][0]


def _hidden_json(text: str, ours: _Ours) -> str:
    value = json.loads(text)
    hidden = _hidden(value, ours)
    return text if hidden == value else json.dumps(hidden, ensure_ascii=False)


def _hidden(value: Any, ours: _Ours) -> Any:
    if isinstance(value, str):
        return hide_codes(value, ours=ours)
    if isinstance(value, dict):
        return {hide_codes(key, ours=ours): _hidden(inner, ours) for key, inner in value.items()}
    return [_hidden(inner, ours) for inner in value] if isinstance(value, list) else value


def _clean_labels(bind: sa.Connection, ours: _Ours) -> None:
    table = sa.table("group_labels", sa.column("group_id", sa.BigInteger), sa.column("label", sa.Text))
    c = table.c
    for label in bind.execute(sa.select(c.label).distinct()).scalars().all():
        hidden = hide_codes(label, ours=ours)
        if hidden == label:
            continue
        there = sa.select(c.group_id).where(c.label == hidden)
        bind.execute(sa.delete(table).where(c.label == label, c.group_id.in_(there)))
        bind.execute(sa.update(table).where(c.label == label).values(label=hidden))


def downgrade() -> None:
    """There is no way down: restore a backup."""
    raise NotImplementedError
