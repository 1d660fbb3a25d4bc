"""With which code and which settings each life of a daemon ran, so that a day can be judged later (replay/verify/).

    RUN/versions/<daemon>.jsonl             one line for each start
    RUN/versions/settings-<digest>.json     run.json as the daemon read it
    RUN/versions/code-<digest>.json         digests of the files that decide, and versions of what they stand on

The journal itself has nothing of this: the same bars leave the same bytes, whoever plays them. A start that cannot write here goes
on, because no order may wait for a note; its day can still be compared, only the reason for a difference is not known then.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog
from msgspec import Struct

import tapewire
from tapewire import form
from tapewire.bus import disk, private
from tapewire.bus.errors import DataError, TapewireError
from tapewire.daemons.settings.structs import Conf
from tapewire.strategies import registry

FOLDER = "versions"
ROOT = Path(__file__).resolve().parents[2]
# The rooms whose code decides, or hands events to what decides.
ROOMS = (
    "bus",
    "strategies",
    *(f"daemons/{room}" for room in ("market", "settings", "tracker", "evaluator", "gate", "publisher", "shell")),
)
SUFFIXES = (".py", ".so")
DIGITS = 16

T = TypeVar("T")


class Life(Struct, frozen=True):
    """One start of a daemon. started_ns: wall clock. code, settings: the digests under which they are kept."""

    epoch: int
    started_ns: int
    code: str
    settings: str


class Code(Struct, frozen=True):
    """Digests of the files, by path; their form (tapewire/form.py), and the versions of Python, of this package and of what decodes
    messages."""

    files: dict[str, str]
    versions: dict[str, str]


def note(run: Path, name: str, conf: Conf, logger: structlog.stdlib.BoundLogger) -> None:
    """Note that a daemon starts now. A disk that refuses is logged, and nothing more."""
    try:
        folder = private.folder(run / FOLDER)
        settings, code = (run / "run.json").read_bytes(), msgspec.json.encode(present(conf.preset.strategies), order="sorted")
        life = Life(conf.epoch, time.time_ns(), _keep(folder, "code", code), _keep(folder, "settings", settings))
        path = folder / f"{name}.jsonl"
        with disk.writing(path), path.open("ab") as file:
            os.chmod(file.fileno(), private.FILE)
            file.write(msgspec.json.encode(life) + b"\n")
    except (TapewireError, OSError) as error:
        logger.warning("life_not_noted", error=str(error))


def of(run: Path, name: str, epoch: int) -> list[Life]:
    """The starts of a daemon in an epoch, oldest first; none of a run by an earlier version. A torn line is left out."""
    try:
        lines = (run / FOLDER / f"{name}.jsonl").read_bytes().splitlines()
    except OSError:
        return []
    return [life for life in _lives(lines) if life.epoch == epoch]


def settings(run: Path, digest: str) -> bytes | None:
    """A run.json of this run as it was read; None if it is not kept."""
    return _kept(run, "settings", digest)


def code(run: Path, digest: str) -> Code | None:
    """The code that a daemon ran with; None if it is not kept.

    Raises:
        DataError: the file was changed.
    """
    content = _kept(run, "code", digest)
    return None if content is None else msgspec.json.decode(content, type=Code)


def digest(content: bytes) -> str:
    """What `settings` and `code` are kept under."""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def present(strategies: Iterable[str]) -> Code:
    """The code as it lies on the disk now.

    Args:
        strategies: registry names; the packages of plug-ins among them belong to it, and what answers for a model.
    """
    names = tuple(strategies)
    files = {path.relative_to(ROOT).as_posix(): path for room in ROOMS for path in _sources(ROOT / room)}
    for name, package in registry.packages(names).items():
        files |= {f"plug-in {name}: {place}": path for place, path in _plug_in(package)}
    versions = {
        "form": form.FORM,
        "python": platform.python_version(),
        "tapewire": tapewire.__version__,
        "msgspec": msgspec.__version__,
    }
    if "model" in names:
        with suppress(PackageNotFoundError):
            versions["onnxruntime"] = version("onnxruntime")
    return Code({place: digest(files[place].read_bytes()) for place in sorted(files)}, versions)


def _sources(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in SUFFIXES)


def _plug_in(package: str) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec(package)
    if spec is None:
        return
    for folder in map(Path, spec.submodule_search_locations or ()):
        yield from ((path.relative_to(folder.parent).as_posix(), path) for path in _sources(folder))
    if spec.submodule_search_locations is None and spec.origin is not None:
        yield Path(spec.origin).name, Path(spec.origin)


def _keep(folder: Path, kind: str, content: bytes) -> str:
    name = digest(content)
    path = folder / f"{kind}-{name}.json"
    if not path.exists():
        disk.replace(path, content)
    return name


def _kept(run: Path, kind: str, name: str) -> bytes | None:
    path = run / FOLDER / f"{kind}-{name}.json"
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if digest(content) != name:
        raise DataError(f"{path} was changed: its content does not give its name; restore it from a copy, or remove it")
    return content


def _lives(lines: Iterable[bytes]) -> Iterator[Life]:
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=Life)
        except msgspec.MsgspecError:
            continue
