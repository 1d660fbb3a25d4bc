"""The content of an installation; each kind of it works; packages with the names of our folders do no harm."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import tapewire
from tests import installs
from tests.installs import Built, Environment

pytestmark = pytest.mark.slow

FOLDERS = ("bus", "conf", "daemons", "replay", "strategies")
NEIGHBOURS = ("daemons==1.3.2", "conf==0.4.1", "replay==0.1.2", "strategies==0.2.3")
POISON = "raise ImportError('tapewire imported a package that is not its own')\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Wheel and sdist of the work tree."""
    return installs.build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Wheels of the package index's own `daemons`, `conf`, `replay` and `strategies`."""
    folder = tmp_path_factory.mktemp("neighbours")
    command = [*installs.PIP, "wheel", *installs.OFFLINE, "--wheel-dir", str(folder), *NEIGHBOURS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        pytest.skip(f"the package index does not give {', '.join(NEIGHBOURS)}: {done.stderr.strip()[-300:]}")
    return sorted(folder.glob("*.whl"))


def expected() -> set[str]:
    """The files of the package: each tracked file of `tapewire/` and of the folders it links to, and NinjaTrader's scripts."""
    files = {name for name in installs.tracked() if name.startswith(("tapewire/", *(f"{folder}/" for folder in FOLDERS)))}
    files |= {
        name for name in installs.tracked() if name.startswith("ninjascript/") and (name.count("/") == 1 or "/examples/" in name)
    }
    links = {f"tapewire/{folder}" for folder in (*FOLDERS, "ninjascript")}
    return {name if name.startswith("tapewire/") else f"tapewire/{name}" for name in files - links}


def test_a_wheel_holds_the_package_and_its_metadata_alone(built: Built) -> None:
    """Every module, setting and document of the checkout is in it, and nothing beside `tapewire/` and the dist-info."""
    names = set(zipfile.ZipFile(built.wheel).namelist())
    metadata = f"tapewire-{tapewire.__version__}.dist-info/"

    assert {name.partition("/")[0] for name in names} == {"tapewire", metadata.rstrip("/")}
    assert {name for name in names if not name.startswith(metadata)} == expected()
    assert {"tapewire/supervisord.conf", "tapewire/py.typed", "tapewire/bus/PROTOCOL.md"} <= names


def test_an_sdist_holds_the_package_as_plain_files(built: Built) -> None:
    """Beside the package only what a build reads; no links."""
    root = f"tapewire-{tapewire.__version__}"
    with tarfile.open(built.sdist) as archive:
        members = archive.getmembers()
    names = {member.name.removeprefix(f"{root}/") for member in members if member.isfile()}

    assert all(member.isfile() or member.isdir() for member in members)
    assert {name for name in names if name.startswith("tapewire/")} == expected()
    assert {name.partition("/")[0] for name in names} == {
        *("tapewire", "tapewire.egg-info", "PKG-INFO"),
        *("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"),
    }


def test_an_sdist_builds_the_same_wheel(built: Built) -> None:
    """Without git and without the links: the same files with the same bytes."""
    wheel, of_sdist = zipfile.ZipFile(built.wheel), zipfile.ZipFile(built.wheel_of_sdist)

    assert sorted(wheel.namelist()) == sorted(of_sdist.namelist())
    assert [name for name in wheel.namelist() if wheel.read(name) != of_sdist.read(name)] == []


@pytest.mark.parametrize("kind", ["editable", "folder", "sdist"])
def test_the_demo_runs_from_each_kind_of_installation(built: Built, home: Path, tmp_path: Path, kind: str) -> None:
    """`pip install --editable .`, `pip install .` and an sdist: the job of `make demo` leaves its results."""
    environment = Environment(tmp_path / "environment")
    source = installs.cloned(tmp_path / "clone") if kind != "sdist" else built.sdist
    environment.pip("install", *installs.OFFLINE, *(["--editable"] if kind == "editable" else []), source)

    done = environment.tapewire("demo", "--sessions", 1, cwd=tmp_path)

    assert "1 sessions" in done.stdout
    assert "tapewire data inspect 'out/demo/ninjatrader/NQ 06-26.Last.txt'" in done.stdout
    assert (tmp_path / "out" / "demo" / "report.html").is_file()
    package = source / "tapewire" if kind == "editable" else environment.packages / "tapewire"
    assert environment.origin("tapewire", cwd=tmp_path) == package.resolve() / "__init__.py"


def test_it_runs_beside_packages_with_the_names_of_its_folders(
    built: Built, neighbours: list[Path], home: Path, bars: Path, tmp_path: Path
) -> None:
    """The index's packages, a trader's own `strategies` and a `strategies/` on PYTHONPATH come and go; no result changes."""
    environment = Environment(tmp_path / "environment")
    environment.pip("install", *installs.OFFLINE, built.wheel)
    environment.pip("install", *installs.OFFLINE, *neighbours)
    environment.pip("install", *installs.OFFLINE, traders_package(tmp_path / "trader"))
    path = package(tmp_path / "path" / "strategies").parent

    def results(name: str, path: Path | None = None) -> list[Path]:
        options = ("--data", bars, "--strategies", "pipeline", "--out")
        for command in ("backtest", "replay"):
            environment.tapewire(command, *options, tmp_path / name / command, path=path, cwd=tmp_path)
        return [tmp_path / name / "backtest", tmp_path / name / "replay"]

    assert environment.origin("daemons", cwd=tmp_path) == environment.packages / "daemons" / "__init__.py"
    backtest, replay = results("among", path)
    environment.pip("uninstall", "--yes", "--quiet", "daemons", "conf", "replay", "strategies", "traders-strategies")
    again, alone = results("alone")

    assert not any((environment.packages / folder / "__init__.py").exists() for folder in FOLDERS)
    assert environment.origin("tapewire", cwd=tmp_path) == environment.packages / "tapewire" / "__init__.py"
    assert (alone / "trades.jsonl").stat().st_size > 0
    for other in (backtest, replay, again):
        environment.tapewire("diff", other, alone, cwd=tmp_path)


def test_a_plug_in_is_checked_against_our_types(built: Built, tmp_path: Path) -> None:
    """mypy of a trader finds the types in an installation, and so finds a wrong argument."""
    environment = Environment(tmp_path / "environment")
    environment.pip("install", *installs.OFFLINE, built.wheel)
    plug_in = tmp_path / "plug_in.py"
    plug_in.write_text("from tapewire.strategies.registry import load\n\nload(1)\n")
    command = [sys.executable, "-m", "mypy", "--python-executable", str(environment.python), "--config-file", "", str(plug_in)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path)

    assert 'plug_in.py:3: error: Argument 1 to "load" has incompatible type "int"' in done.stdout


def test_a_new_strategy_installs_and_takes_its_five_steps(built: Built, home: Path, bars: Path, tmp_path: Path) -> None:
    """What `tapewire new-strategy` writes is installed by pip, passes its own test, and every command finds it by its preset."""
    environment = Environment(tmp_path / "environment")
    environment.pip("install", *installs.OFFLINE, built.wheel)
    options = ("--data", bars, "--preset", "first_green/first_green.toml")

    environment.tapewire("new-strategy", "first_green", cwd=tmp_path)
    environment.pip("install", *installs.OFFLINE, "--editable", tmp_path / "first_green")
    tested = installs.ran(environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path / "first_green")
    alone = environment.tapewire("signals", *options, "--out", "out/signals", cwd=tmp_path)
    traded = environment.tapewire("backtest", *options, "--commission", 0.4, "--out", "out/run", cwd=tmp_path)
    checked = environment.tapewire("lookahead", *options, "--cuts", 1, cwd=tmp_path)

    assert "9 passed" in tested.stdout
    assert "First Green: " in alone.stdout
    assert "with first_green (first_green, fill next_open)" in traded.stdout
    assert "exits         none" in traded.stdout
    assert "costs         MNQ: commission 0.40 $ a side" in traded.stdout
    assert "differs" not in checked.stdout


def package(folder: Path) -> Path:
    """A package `strategies` with a registry. None of its modules can be imported without an error."""
    folder.mkdir(parents=True)
    for name in ("__init__.py", "registry.py", "protocol.py"):
        (folder / name).write_text(POISON)
    return folder


def traders_package(folder: Path) -> Path:
    """A project of a trader's that installs a top-level package `strategies`."""
    package(folder / "strategies")
    (folder / "setup.cfg").write_text("[metadata]\nname = traders-strategies\nversion = 1\n\n[options]\npackages = strategies\n")
    (folder / "pyproject.toml").write_text('[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n')
    return folder
