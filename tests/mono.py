"""The C# side under Mono: compiles and runs it, or skips its tests with the remedy if Mono is missing."""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "ninjascript"
EXAMPLES = Path(__file__).parents[1] / "examples" / "subscribers"
KEPT = Path(__file__).parents[1] / ".pytest_cache" / "mono"
PROGRAM = "tapewire-tests.exe"
DEBIAN_PACKAGES = "mono-mcs mono-runtime libmono-system-componentmodel-dataannotations4.0-cil libzmq5"

needs_mono = pytest.mark.skipif(
    not (shutil.which("mcs") and shutil.which("mono")),
    reason=f"Mono is not on this machine, so the C# side is not tested; on Debian: apt-get install {DEBIAN_PACKAGES}",
)


def every_source() -> list[Path]:
    """The bridge, its stand-ins, and the strategy for who follows the signals."""
    return sorted(SOURCES.rglob("*.cs")) + sorted(EXAMPLES.glob("*.cs"))


def compile_all(folder: Path) -> Path:
    """Compile every source into one program, in C# 7.0, the least that the bridge needs, with warnings as errors.
    Returns the program."""
    program = folder / PROGRAM
    command = ["mcs", "-langversion:7", "-warn:4", "-warnaserror", "-debug", f"-out:{program}", *map(str, every_source())]
    command.append("-r:System.ComponentModel.DataAnnotations")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return program


def run(program: Path, *arguments: object, given: str = "", timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run one verb of the test program to its end."""
    command = ["mono", "--debug", str(program), *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="session")
def program() -> Path:
    """The compiled test program. It is kept for later runs, and compiled again when a source or the compiler has changed."""
    sources = b"".join(path.name.encode() + path.read_bytes() for path in every_source())
    compiler = subprocess.run(["mcs", "--version"], capture_output=True, timeout=60, check=True).stdout
    digest = hashlib.sha256(compiler + Path(__file__).read_bytes() + sources).hexdigest()[:16]
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests may run in several processes
        kept = KEPT / digest
        if not (kept / "done").exists():
            for other in KEPT.glob("*/"):
                shutil.rmtree(other)
            kept.mkdir()
            compile_all(kept)
            (kept / "done").touch()
    return kept / PROGRAM
