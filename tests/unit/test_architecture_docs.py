"""docs/architecture.md names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PATHS = sorted(set(re.findall(r"`([a-z0-9_/]+(?:\.py|/))`", PAGE)) - {"orchestrator/"})
PACKAGES = sorted(
    file.parent.relative_to(ROOT / "orchestrator").as_posix() + "/"
    for file in (ROOT / "orchestrator").glob("**/__init__.py")
    if file.parent != ROOT / "orchestrator"
)
# Told by what stands in or around them.
INSIDE = ("simulator/scenarios/", *(one for one in PACKAGES if re.fullmatch("gateways/[^/]+/", one)))


@pytest.mark.parametrize("path", PATHS)
def test_what_the_page_names_exists(path: str) -> None:
    base = ROOT if path.startswith("migrations/") else ROOT / "orchestrator"
    assert (base / path).exists()


@pytest.mark.parametrize("package", [one for one in PACKAGES if one not in INSIDE])
def test_every_package_has_its_line(package: str) -> None:
    assert re.search(rf"^\| `{package}` \| \S", PAGE, re.MULTILINE)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_it_is_for(package: str) -> None:
    assert (ROOT / "orchestrator" / package / "__init__.py").read_text().startswith('"""')
