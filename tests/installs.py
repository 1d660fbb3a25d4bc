"""Fresh virtual environments, and what goes into them: the sources as a clone has them, wheel and sdist.

An environment holds nothing of ours at first, and no pip; pip works on it from outside. tapewire's dependencies are not downloaded
again: a `.pth` file adds a folder of links to those that are installed here. tapewire itself is not among the links.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
OFFLINE = ("--no-deps", "--no-build-isolation", "--quiet")


class Built(NamedTuple):
    """The archives that were built of a clone."""

    wheel: Path
    sdist: Path
    wheel_of_sdist: Path


def build(folder: Path) -> Built:
    """Build a wheel of a clone, and an sdist and of that a wheel again. A machine without git skips."""
    ran(*PIP, "wheel", *OFFLINE, "--wheel-dir", folder / "wheel", cloned(folder / "for_the_wheel"))
    ran(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "sdist", cloned(folder / "for_the_sdist"))
    return Built(*(_only(folder, name) for name in ("wheel/*.whl", "sdist/*.tar.gz", "sdist/*.whl")))


def cloned(folder: Path) -> Path:
    """The files that a commit of the work tree would hold, links as links."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout, so there is nothing to clone and build")
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    return folder


def tracked() -> list[str]:
    """The repository's files: committed, or new and not ignored."""
    listed = ran("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return [name for name in listed.stdout.split("\0") if os.path.lexists(ROOT / name) and name]


class Environment:
    """A fresh virtual environment. `packages` is its site-packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        ran(sys.executable, "-m", "venv", "--without-pip", folder)
        paths = {"base": str(folder), "platbase": str(folder)}
        self.packages = Path(sysconfig.get_path("purelib", vars=paths))
        links = folder / "dependencies"
        links.mkdir()
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if not path.name.startswith(("tapewire", "__editable__")):
                (links / path.name).symlink_to(path)
        (self.packages / "dependencies.pth").write_text(f"{links}\n")

    def pip(self, verb: str, *arguments: object) -> None:
        """pip of the project's environment, working on this one."""
        ran(*PIP, "--python", self.python, verb, *arguments)

    def tapewire(self, *arguments: object, path: Path | None = None, cwd: Path) -> subprocess.CompletedProcess[str]:
        """The installed command to its end; it must succeed. path: PYTHONPATH."""
        return ran(self.folder / "bin" / "tapewire", *arguments, path=path, cwd=cwd)

    def origin(self, module: str, *, path: Path | None = None, cwd: Path) -> Path:
        """The file that is imported under this name."""
        done = ran(self.python, "-P", "-c", f"import {module}; print({module}.__file__)", path=path, cwd=cwd)
        return Path(done.stdout.strip()).resolve()


def ran(*command: object, path: Path | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False, env=environment, cwd=cwd)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


def _only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found
