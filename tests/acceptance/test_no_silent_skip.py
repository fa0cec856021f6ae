"""In CI a test that does not run is a test that fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import PATIENCE

ROOT = Path(__file__).parents[2]

SKIPS = {
    "called": "import pytest\ndef test_it(): pytest.skip('no such thing here')\n",
    "marked": "import pytest\n@pytest.mark.skip(reason='no such thing here')\ndef test_it(): pass\n",
    "fixture": (
        "import pytest\n@pytest.fixture\ndef it(): pytest.skip('no such thing here')\ndef test_it(it): pass\n"
    ),
    "module": "import pytest\npytest.skip('no such thing here', allow_module_level=True)\n",
}


def outcome(folder: Path, source: str, *, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_sample.py").write_text(source)
    plugins = ["-p", "tests.conftest", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", folder, *plugins, "-ra", folder],
        cwd=ROOT, env={"CI": ci, "PATH": ""}, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip


@pytest.mark.parametrize("source", SKIPS.values(), ids=SKIPS)
def test_a_skip_fails_the_run_in_ci_and_says_why(tmp_path: Path, source: str) -> None:
    done = outcome(tmp_path, source, ci="true")

    assert done.returncode not in {0, 5}, done.stdout
    assert "no such thing here" in done.stdout


def test_a_skip_is_only_a_skip_on_a_developers_machine(tmp_path: Path) -> None:
    done = outcome(tmp_path, SKIPS["called"], ci="")

    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout


def test_an_expected_failure_stays_one_in_ci(tmp_path: Path) -> None:
    done = outcome(tmp_path, "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False\n", ci="true")

    assert done.returncode == 0, done.stdout
    assert "1 xfailed" in done.stdout
