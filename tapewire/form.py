"""Which form of the code runs: interpreted, or compiled from the same source (`setup.py`).

The compiled modules lie under `compiled/<ABI>/` beside this file, in a checkout as in an installation. `sources` there lists every
source file that they were made of or that they import, each with its hash. At the first import of `tapewire` all of these are
hashed again. If one differs, or `TAPEWIRE_COMPILE=0` is set, the whole process runs the sources: no edited file is shadowed by
older machine code, and no process mixes a new module with old ones. Python checks its `.pyc` files with the same hash.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import source_hash, spec_from_file_location
from pathlib import Path
from types import ModuleType

COMPILED, INTERPRETED = "compiled", "interpreted"

SUFFIX = EXTENSION_SUFFIXES[0]
ROOT = Path(__file__).parent
FOLDER = ROOT / "compiled" / SUFFIX.strip(".").removesuffix(".so")
SOURCES = "sources"


class Finder:
    """Finds compiled modules before Python looks for their sources."""

    def __init__(self, folder: Path) -> None:
        libraries = [(path.relative_to(folder), str(path)) for path in folder.rglob(f"*{SUFFIX}")]
        self._paths = {".".join(inner.parts).removesuffix(SUFFIX): path for inner, path in libraries}

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        found = self._paths.get(name)
        return None if found is None else spec_from_file_location(name, found)


def source(module: ModuleType) -> Path:
    """The source of a module of ours, in both forms."""
    return ROOT / f"{module.__name__.removeprefix('tapewire.').replace('.', '/')}.py"


def digest(source: Path) -> str:
    """The hash of a source file, as `sources` holds it."""
    return source_hash(source.read_bytes()).hex()


def chosen(root: Path, folder: Path) -> tuple[str, str]:
    """The form that a process runs, and why it is not the compiled one although that is there.

    Args:
        root: of the package. folder: of its compiled modules.
    """
    if os.environ.get("TAPEWIRE_COMPILE") == "0":
        return INTERPRETED, ""
    try:
        lines = (folder / SOURCES).read_text().splitlines()
    except OSError:  # nothing was compiled
        return INTERPRETED, ""
    for line in lines:
        compiled_from, name = line.split(" ", 1)
        try:
            same = digest(root / name) == compiled_from
        except OSError:
            same = False
        if not same:
            return INTERPRETED, f"{name} has changed since tapewire was compiled"
    return COMPILED, ""


def told() -> str:
    """The form in words, for a person."""
    return f"{FORM}: {WHY}" if WHY else FORM


FORM, WHY = chosen(ROOT, FOLDER)
if FORM == COMPILED:
    sys.meta_path.insert(0, Finder(FOLDER))
