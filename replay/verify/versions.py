"""Which code and settings the daemons of an epoch ran with (daemons/shell/lives.py), beside those that there are now."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import lives
from tapewire.daemons.shell.lives import Code, Life
from tapewire.replay import diff
from tapewire.replay.diff import FieldDifference
from tapewire.replay.verify.record import JUDGED, Epoch

SHARED = ("bus/", "strategies/", "daemons/market/", "daemons/settings/", "daemons/shell/", "plug-in ")
"""Where code lies that every core may use."""


class Versions(Struct, frozen=True):
    """One epoch. code: the files that differ from those that run here, by daemon. settings: values of run.json that differ from
    what a daemon had read (a: then, b: as the file says now). known: every daemon has noted what it ran with."""

    epoch: int
    known: bool
    code: dict[str, tuple[str, ...]]
    settings: tuple[FieldDifference, ...]


def of(run: Path, epoch: Epoch) -> Versions:
    """What has changed since an epoch.

    Raises:
        DataError: a kept copy was changed.
    """
    now = _now(epoch.conf.preset.strategies)
    code: dict[str, tuple[str, ...]] = {}
    known = True
    for daemon in JUDGED:
        noted = lives.of(run, daemon, epoch.conf.epoch)
        codes = [lives.code(run, digest) for digest in dict.fromkeys(life.code for life in noted)]
        known = known and bool(noted) and None not in codes
        files = {path for each in codes if each is not None for path in _changed(each, now)}
        if its := tuple(
            sorted((path for path in files if path.startswith((f"daemons/{daemon}/", *SHARED)) or " " in path), key=_files_first)
        ):
            code[daemon] = its
    return Versions(epoch.conf.epoch, known, code, _settings(run, epoch))


def then(run: Path, epoch: Epoch) -> Conf | None:
    """The settings that the epoch's daemons read last; None if they are not kept, or are those of the file."""
    digest = _read_last(run, epoch)
    content = None if digest is None else lives.settings(run, digest)
    if content is None or not any(_differences(content, _file(epoch))):
        return None
    return configuration.decoded(content, run / lives.FOLDER / f"settings-{digest}.json")


def _files_first(what: str) -> tuple[bool, str]:
    return " " in what, what


def _settings(run: Path, epoch: Epoch) -> tuple[FieldDifference, ...]:
    found: dict[str, FieldDifference] = {}
    here = _file(epoch)
    for digest in dict.fromkeys(life.settings for life in _lives(run, epoch)):
        content = lives.settings(run, digest)
        for each in () if content is None else _differences(content, here):
            found.setdefault(each.path, each)
    return tuple(found.values())


def _differences(before: bytes, now: bytes) -> Iterator[FieldDifference]:
    """The values that differ. Where an epoch begins in the journal is no setting."""
    if before != now:
        yield from (each for each in diff.fields_of("", _map(before), _map(now)) if not each.path.startswith(("since.", "folds.")))


def _lives(run: Path, epoch: Epoch) -> list[Life]:
    found = (life for daemon in JUDGED for life in lives.of(run, daemon, epoch.conf.epoch))
    return sorted(found, key=lambda life: life.started_ns)


def _read_last(run: Path, epoch: Epoch) -> str | None:
    noted = _lives(run, epoch)
    return noted[-1].settings if noted else None


def _file(epoch: Epoch) -> bytes:
    return (epoch.folder / "run.json").read_bytes()


def _map(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(content)
    return found


def _changed(before: Code, now: Code) -> Iterator[str]:
    for path in sorted({*before.files, *now.files}):
        if before.files.get(path) != now.files.get(path):
            yield path
    for name in sorted({*before.versions, *now.versions}):
        if before.versions.get(name) != now.versions.get(name):
            yield f"{name} {before.versions.get(name, 'unknown')}, now {now.versions.get(name, 'unknown')}"


@cache
def _now(strategies: tuple[str, ...]) -> Code:
    return lives.present(strategies)
