"""Each start of a daemon notes the code and the settings that it runs with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import structlog

from tapewire.bus.errors import DataError
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.shell import lives
from tests import plug_ins, runs

LOG = structlog.get_logger()
STRATEGY = """
class First:
    pass
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    configuration.write(runs.conf(), tmp_path)
    return tmp_path


def test_a_start_is_noted_with_copies_of_what_it_ran_with(run: Path) -> None:
    """The settings byte for byte, and a digest of each file that decides; equal ones are kept once."""
    for _ in range(2):
        lives.note(run, "gate", runs.conf(), LOG)
    first, second = lives.of(run, "gate", 1)
    code = lives.code(run, first.code)

    assert (first.code, first.settings) == (second.code, second.settings)
    assert lives.settings(run, first.settings) == (run / "run.json").read_bytes()
    assert code is not None
    assert code.files["strategies/pipeline.py"] == lives.digest((lives.ROOT / "strategies" / "pipeline.py").read_bytes())
    assert not [path for path in code.files if path.startswith(("replay", "daemons/operator"))]
    assert code.versions.keys() == {"form", "python", "tapewire", "msgspec"}
    assert len(list((run / lives.FOLDER).iterdir())) == 3
    assert {path.stat().st_mode & 0o077 for path in (run / lives.FOLDER).iterdir()} == {0}


def test_a_start_belongs_to_its_epoch_and_a_torn_line_to_none(run: Path) -> None:
    """A power cut may leave a part of a line."""
    lives.note(run, "gate", runs.conf(), LOG)
    lives.note(run, "gate", runs.conf(epoch=2), LOG)
    with (run / lives.FOLDER / "gate.jsonl").open("ab") as file:
        file.write(b'{"epoch":2,"sta')

    assert [len(lives.of(run, "gate", epoch)) for epoch in (1, 2, 3)] == [1, 1, 0]
    assert lives.of(run, "tracker", 1) == []


def test_a_disk_that_refuses_stops_no_start(run: Path) -> None:
    """No order waits for a note."""
    (run / lives.FOLDER).write_bytes(b"in the way")

    lives.note(run, "gate", runs.conf(), LOG)

    assert lives.of(run, "gate", 1) == []


def test_a_copy_that_was_changed_is_refused(run: Path) -> None:
    """Its name is the digest of its content."""
    lives.note(run, "gate", runs.conf(), LOG)
    (life,) = lives.of(run, "gate", 1)
    path = run / lives.FOLDER / f"settings-{life.settings}.json"
    path.write_bytes(path.read_bytes().replace(b"seed", b"weed"))

    with pytest.raises(DataError, match="was changed"):
        lives.settings(run, life.settings)


def test_a_plug_in_belongs_to_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the strategies that the preset names; another version of it gives another digest."""
    site = plug_ins.install(tmp_path / "site", "plug", STRATEGY, plugged="First")
    monkeypatch.syspath_prepend(os.fspath(site))

    before = lives.present(["plugged"]).files
    (site / "plug.py").write_text(STRATEGY.replace("pass", "x = 1"))
    after = lives.present(["plugged"]).files

    assert [path for path in before if before[path] != after[path]] == ["plug-in plugged: plug.py"]
    assert "plug-in plugged: plug.py" not in lives.present(["pipeline"]).files
