"""Dated files in a store elsewhere: what is copied when, and that a store which is away loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.errors import ConfError, Transient
from tapewire.daemons.settings.structs import Mirroring
from tapewire.replay.days import helper
from tapewire.replay.mirror import copying, files, plan
from tapewire.replay.mirror.passes import Passes
from tapewire.replay.mirror.plan import Copied, Local
from tapewire.replay.mirror.store import FsspecStore

NAME = "2026/03/02/feed.jsonl"


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=60))
def test_a_file_that_grows_is_copied_at_most_three_times_its_final_size(steps: list[int]) -> None:
    """However it grows; and in the end it is there as a whole."""
    size = sent = 0
    copied: dict[str, Copied] = {}
    for at, step in enumerate([*steps, 0]):
        size += step
        file = Local(NAME, size, at, grows=True, final=at == len(steps))
        if plan.due([file], copied):
            sent += size
            copied[NAME] = Copied(size, at)

    assert copied[NAME].size == size
    assert sent <= 3 * size


@pytest.mark.parametrize(
    "grows, final, before, expected",
    [
        (True, False, None, True),
        (True, False, Copied(60, 1), False),
        (True, False, Copied(50, 1), True),
        (True, True, Copied(99, 1), True),
        (True, True, Copied(100, 2), False),
        (False, False, None, False),
        (False, True, None, True),
        (False, True, Copied(100, 1), True),
    ],
)
def test_when_a_file_is_due(grows: bool, final: bool, before: Copied | None, expected: bool) -> None:
    """It has 100 bytes. One that is written anew waits until its day is over."""
    file = Local(NAME, 100, 2, grows, final)

    assert bool(plan.due([file], {} if before is None else {NAME: before})) is expected


def grown(run: Path, size: int, date: str = "2026-03-02") -> None:
    """A feed's file: whole lines, and half of one."""
    (run / "feed").mkdir(exist_ok=True)
    (run / "feed" / f"{date}.jsonl").write_bytes(b"x" * 9 + b"\n" + b"y" * (size - 10))


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_store_has_whole_lines_and_nothing_else(kind: str, tmp_path: Path) -> None:
    """In a folder, and in a file system of fsspec that is none: the same names and bytes, none nested, none left half."""
    run, url = tmp_path / "run", f"{kind}://{tmp_path}/mirror" if kind == "file" else f"memory://{tmp_path.name}/mirror"
    run.mkdir()
    for size, date in ((25, "2026-03-02"), (30, "2026-03-03"), (70, "2026-03-03")):
        grown(run, size, date)
        copying.copy(run, url, FsspecStore(url), files.public(run))

    place, root = fsspec.core.url_to_fs(url)
    there = {path.removeprefix(f"{root}/"): place.cat_file(path) for path in place.find(root)}
    assert there == {"2026/03/02/feed.jsonl": b"x" * 9 + b"\n", "2026/03/03/feed.jsonl": b"x" * 9 + b"\n"}


class Broken:
    """A store that is away for its first calls."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.files: dict[str, bytes] = {}

    def put(self, name: str, content: bytes) -> None:
        self.away -= 1
        if self.away >= 0:
            raise Transient("away")
        self.files[name] = content


def test_a_store_that_was_away_for_a_session_has_everything_when_it_is_back(tmp_path: Path) -> None:
    """Nothing of what came meanwhile is lost, and what was copied before is not copied again."""
    store = Broken(0)
    for day in range(2, 7):
        grown(tmp_path, 40, f"2026-03-{day:02}")
        store.away = 3 if day in (3, 4) else 0
        try:
            copying.copy(tmp_path, "x://", store, files.public(tmp_path))
        except Transient:
            assert day in (3, 4)

    assert sorted(store.files) == [f"2026/03/{day:02}/feed.jsonl" for day in range(2, 7)]
    assert copying.copy(tmp_path, "x://", store, files.public(tmp_path)) == copying.Pass(0, 0, 0)
    assert copying.copy(tmp_path, "y://", Broken(0), files.public(tmp_path)).copied == 5


def test_a_copy_that_breaks_off_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FsspecStore(f"file://{tmp_path}/m")
    store.put(NAME, b"old\n")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(Transient, match="No space left"):
        store.put(NAME, b"new\n")

    assert [(path.name, path.read_bytes()) for path in (tmp_path / "m").rglob("*") if path.is_file()] == [("feed.jsonl", b"old\n")]


@pytest.mark.parametrize(
    "url, told",
    [
        ("s3://anna:secret@bucket/x", "has no credentials"),
        ("s3://bucket/x?key=secret", "has no credentials"),
        ("nowhere://bucket", "nowhere"),
    ],
)
def test_a_url_that_is_none_is_refused_without_its_secrets(url: str, told: str) -> None:
    with pytest.raises(ConfError, match=told) as raised:
        FsspecStore(url)

    assert "secret" not in str(raised.value)


def test_public_and_private_are_two_places() -> None:
    """The days' folders hold the account."""
    with pytest.raises(ValueError, match="write two places"):
        Mirroring("file:///x", "file:///x")


def test_the_daybook_starts_one_pass_at_a_time_and_tells_the_first_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By our own processes: two that fail, one that is killed for lasting too long, then one that does not fail."""
    commands = iter(["import sys; sys.exit(75)"] * 2 + ["input()"] + ["pass"] * 2)
    started: list[subprocess.Popen[bytes]] = []

    def start(*_: object) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", next(commands)], stdin=subprocess.PIPE))
        return started[-1]

    monkeypatch.setattr(helper, "start", start)
    with structlog.testing.capture_logs() as lines:
        passes = Passes(tmp_path, Mirroring("file:///x", every_s=60), structlog.get_logger())
        second = 0
        for at in range(5):
            passes.look(second * 10**9)
            assert len(started) == at + 1
            passes.look(second * 10**9 + 1)
            if at == 2:
                second += 601
                passes.look(second * 10**9)
            started[-1].wait()
            passes.look((second + 1) * 10**9)
            second += 61
        passes.stop()
    for process in started:
        assert process.stdin is not None
        process.stdin.close()

    assert [(line["event"], line.get("status")) for line in lines] == [("mirror_failed", 75), ("mirror_again", None)]


def test_nothing_is_started_where_no_place_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "start", lambda *_: pytest.fail("started"))

    Passes(tmp_path, Mirroring(), structlog.get_logger()).look(10**12)


def test_what_was_copied_is_remembered_by_place(tmp_path: Path) -> None:
    grown(tmp_path, 20)

    copying.copy(tmp_path, "x://", Broken(0), files.public(tmp_path))

    remembered = json.loads((tmp_path / "mirror.json").read_text())
    assert list(remembered) == ["x://"]
    assert list(remembered["x://"]) == [NAME]
