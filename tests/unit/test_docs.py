"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.domain.memberships import Status, diagram

DOCS = Path(__file__).parents[2] / "docs"


def test_the_state_diagram_is_made_from_the_table() -> None:
    text = (DOCS / "how-recovery-works.md").read_text()

    assert f"```mermaid\n{diagram()}\n```" in text


def test_every_status_is_explained() -> None:
    text = (DOCS / "how-recovery-works.md").read_text()
    rows = set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))

    assert rows == {status.value for status in Status}


def test_every_link_inside_the_documents_leads_somewhere() -> None:
    for page in [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
