"""What an import did, or would do."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.services.catalog.words import counted


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Counts of rows, every problem and every warning, in the order of the rows."""

    source: str
    rows: int
    new: int
    updated: int
    unchanged: int
    rejected: int
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def written(self) -> bool:
        return not self.dry_run and not self.rejected

    @property
    def sentence(self) -> str:
        """`118 rows: 109 new, 5 updated, 2 unchanged, 2 rejected. Nothing written (--dry-run).`"""
        counts = f"{self.new:,} new, {self.updated:,} updated, {self.unchanged:,} unchanged"
        rejected = f", {self.rejected:,} rejected" if self.rejected else ""
        nothing = " Nothing written (--dry-run)." if self.dry_run else ""
        if self.rejected and not self.dry_run:
            nothing = " Nothing written."
        return f"{counted(self.rows, 'row')}: {counts}{rejected}.{nothing}"
