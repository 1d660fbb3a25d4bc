"""The C# side under Mono: compiles and runs it, or skips its tests with the remedy if Mono is missing."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "ninjascript"
DEBIAN_PACKAGES = "mono-mcs mono-runtime libmono-system-componentmodel-dataannotations4.0-cil libzmq5"

needs_mono = pytest.mark.skipif(
    not (shutil.which("mcs") and shutil.which("mono")),
    reason=f"Mono is not on this machine, so the C# side is not tested; on Debian: apt-get install {DEBIAN_PACKAGES}",
)


def compile_all(folder: Path) -> Path:
    """Compile every file under ninjascript/ into one program, with warnings as errors. Returns the program."""
    program = folder / "tapewire-tests.exe"
    sources = sorted(str(path) for path in SOURCES.rglob("*.cs"))
    command = ["mcs", "-langversion:7.2", "-warn:4", "-warnaserror", "-debug", f"-out:{program}", *sources]
    command.append("-r:System.ComponentModel.DataAnnotations")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return program


def run(program: Path, *arguments: object, given: str = "", timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run one verb of the test program to its end."""
    command = ["mono", "--debug", str(program), *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=timeout, check=False)


@cache
def compiled(base: Path) -> Path:
    """The test program, compiled once for all test files of a run. base: the run's temporary folder."""
    folder = base / "mono"
    folder.mkdir()
    return compile_all(folder)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled test program."""
    return compiled(tmp_path_factory.getbasetemp())
