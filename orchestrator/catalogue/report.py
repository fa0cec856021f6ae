"""What an import did, or would do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.catalogue.words import UNNAMED, counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Counts of rows, every problem and every warning, in the order of the rows."""

    source: str
    rows: int
    new: int
    updated: int
    unchanged: int
    rejected: int
    problems_of: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # by row
    warnings: tuple[str, ...] = ()
    dry_run: bool = False
    skip_bad: bool = False
    rejected_file: Path | None = None  # the rejected rows with their reasons, of an import that skips them

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(problem for of_row in self.problems_of.values() for problem in of_row)

    @property
    def written(self) -> bool:
        return not self.dry_run and (not self.rejected or self.imports_the_rest)

    @property
    def imports_the_rest(self) -> bool:
        """Whether bad rows are left out, and there are others."""
        return self.skip_bad and self.rejected < self.rows

    @property
    def hint(self) -> str:
        """What to do about bad rows."""
        hint = "correct these rows and import the table again; --skip-bad imports the others now"
        if any(problem.endswith(UNNAMED) for problem in self.problems):
            hint += "; a column without a name is left out by its letter, such as --map A=ignore"
        return hint

    @property
    def sentence(self) -> str:
        """`118 rows: 109 new, 5 updated, 2 unchanged, 2 rejected. Nothing written (--dry-run).`"""
        counts = f"{self.new:,} new, {self.updated:,} updated, {self.unchanged:,} unchanged"
        rejected = f", {self.rejected:,} rejected" if self.rejected else ""
        nothing = " Nothing written (--dry-run)." if self.dry_run else ""
        if not self.written and not self.dry_run:
            nothing = " Nothing written."
        return f"{counted(self.rows, 'row')}: {counts}{rejected}.{nothing}"
