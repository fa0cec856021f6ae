"""`.ci/run`, with the tools of `.venv` in the test's hand."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.command import PATIENCE

ROOT = Path(__file__).parents[2]
_FAILS_ONCE = "#!/bin/sh\necho tried >> tries\ntest $(wc -l < tries) -gt 1\n"


def test_what_failed_at_its_first_try_has_failed(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in (".ci/run", "Makefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("pyproject.toml", "constraints.txt", "packaging/venv.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("ruff", "lint-imports", "mypy", "python"):
        tool = tmp_path / ".venv" / "bin" / name
        tool.write_text(_FAILS_ONCE if name == "python" else "#!/bin/sh\n")
        tool.chmod(0o755)
    for name in (".installed-run", ".installed-dev"):
        (tmp_path / ".venv" / name).write_text(f"{tmp_path}\n")

    done = subprocess.run(
        ["bash", ".ci/run"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )

    assert (tmp_path / "tries").read_text() == "tried\n"
    assert done.returncode != 0
