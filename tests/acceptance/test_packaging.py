"""What users install: the wheel, far from any checkout, and the recipe of the image."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

from orchestrator import __version__
from tests.support.command import PATIENCE

ROOT = Path(__file__).parents[2]
Instructions = list[tuple[str, str]]

needs_command_line = pytest.mark.xfail(
    not (ROOT / "orchestrator" / "__main__.py").exists(), reason="the command line is not there yet"
)


def run(*command: str | Path, cwd: Path | str = "/") -> str:
    """Without the checkout's environment: what is found is found because it was installed."""
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments: str | Path) -> None:
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", *arguments)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new venv: Rejoin from the wheel, its packages from the venv of the tests."""
    venv = tmp_path_factory.mktemp("far") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    python = venv / "bin" / "python"
    pip("--python", python, "install", "--no-index", "--no-deps", wheel)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # One path entry; the .pth files behind it, such as the checkout's own, are not followed.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / "bin"


def test_the_wheel_holds_the_package_and_every_migration_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    migrations = {
        f"orchestrator/migrations/{path.relative_to(ROOT / 'migrations')}"
        for path in (ROOT / "migrations").rglob("*")
        if path.suffix in {".py", ".mako"}
    }

    assert migrations
    assert migrations <= set(names)
    assert "orchestrator/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names} == {"orchestrator", f"rejoin-{__version__}.dist-info"}
    assert [name for name in names if "__pycache__" in name or name.endswith((".db", ".key", ".token"))] == []


def test_the_wheel_asks_for_exactly_the_declared_packages(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(f"rejoin-{__version__}.dist-info/METADATA").decode()
    required = [
        line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line
    ]

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]

    assert len(required) == len(declared)


def test_an_installed_package_finds_its_migrations_far_from_the_checkout(installed: Path) -> None:
    script = "import orchestrator, pathlib; print(pathlib.Path(orchestrator.__file__).parent)"
    package = Path(run(installed / "python", "-c", script).strip())

    assert package.is_relative_to(installed.parent)
    assert (package / "migrations" / "env.py").is_file()
    assert list((package / "migrations" / "versions").glob("*.py"))


@needs_command_line
def test_the_installed_command_tells_its_version(installed: Path) -> None:
    assert __version__ in run(installed / "rejoin", "--version")


def test_the_pins_name_no_index_no_path_and_no_loose_version() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]

    assert [pin for pin in pins if not re.match(r"^[a-z0-9._-]+==[\w.]+( ; .+)?$", pin)] == []
    assert [line for line in lines if "://" in line or "--" in line] == []


def test_every_direct_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    pins = {
        line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    }

    assert {re.split(r"[\[>=<; ]", want)[0] for want in wanted} - pins == set()


def dockerfile() -> list[Instructions]:
    """Each stage as its instructions, in order; what stands before the first FROM belongs to no stage."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages: list[Instructions] = []
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            stages.append([])
        if word and stages:
            stages[-1].append((word, " ".join(rest.split())))
    return stages


def only(stage: Instructions, word: str) -> str:
    (value,) = [rest for name, rest in stage if name == word]
    return value


def test_the_image_is_made_in_two_stages_and_keeps_the_tools_of_the_first_out() -> None:
    build, final = dockerfile()

    assert only(build, "FROM").endswith(" AS build")
    assert only(final, "COPY") == "--from=build /opt/rejoin /opt/rejoin"
    assert "pip" not in " ".join(rest for word, rest in final if word == "RUN")


def test_the_image_runs_as_a_number_that_is_not_root_and_owns_nothing_but_its_data() -> None:
    _, final = dockerfile()
    uid, _, gid = only(final, "USER").partition(":")

    assert int(uid) > 0
    assert gid == "0"
    assert only(final, "VOLUME") == "/data"
    assert only(final, "WORKDIR") == "/data"
    assert only(final, "RUN") == f"install -d -o {uid} -g {gid} -m 2775 /data"


def test_the_image_passes_signals_on_and_probes_itself() -> None:
    _, final = dockerfile()
    probe = re.search(r"CMD (\[.*\])$", only(final, "HEALTHCHECK"))

    assert json.loads(only(final, "ENTRYPOINT")) == ["rejoin"]
    assert only(final, "STOPSIGNAL") == "SIGTERM"
    assert probe is not None
    assert json.loads(probe[1]) == ["rejoin", "healthcheck"]


def test_the_image_keeps_its_configuration_with_its_data_and_carries_its_version() -> None:
    _, final = dockerfile()

    assert "REJOIN_CONFIG=/data/rejoin.toml" in only(final, "ENV").split()
    assert only(final, "ARG") == f"VERSION={__version__}"
    assert 'org.opencontainers.image.version="${VERSION}"' in only(final, "LABEL")


def test_what_the_image_copies_is_in_the_checkout_and_let_through() -> None:
    build, _ = dockerfile()
    rules = (ROOT / ".dockerignore").read_text().split("\n")
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {source for word, rest in build if word == "COPY" for source in rest.split()[:-1]}

    assert "*" in rules
    assert copied == allowed
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert not any(
        fnmatch(secret, rule) for secret in ("rejoin.toml", "rejoin.key", "secrets") for rule in allowed
    )
