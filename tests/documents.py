"""Everything in the repository that a person reads: source, settings and documents as text."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("bus", "conf", "daemons", "deploy", "docs", "examples", "ninjascript", "replay", "strategies", "tests")
KINDS = frozenset({".py", ".md", ".toml", ".cs", ".cfg", ".conf"})


@functools.cache
def files() -> tuple[Path, ...]:
    """Every such file, by its path from the root."""
    top = [path for path in sorted(ROOT.iterdir()) if path.is_file() and (path.suffix in KINDS or path.name == "Makefile")]
    below = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.suffix in KINDS]
    return tuple(path.relative_to(ROOT) for path in (*top, *below))


def texts() -> Iterator[tuple[str, str]]:
    """Each of them: its path, and what it says."""
    for path in files():
        yield path.as_posix(), (ROOT / path).read_text("utf-8")
