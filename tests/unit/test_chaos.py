"""`tapewire chaos` that a person ends."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import structlog

from tapewire.bus.errors import Interrupted
from tapewire.daemons.shell.process import Stopped
from tapewire.replay import chaos, runs
from tapewire.replay.sources.recording import Recording
from tests import runs as recorded


def _ignored(_: object) -> None:
    pass


class PlayerThatIsStopped:
    """Ends as a player does on Ctrl-C and on SIGTERM."""

    raises: type[BaseException] = Stopped

    def __init__(self, *_: Any) -> None:
        pass

    def __enter__(self) -> PlayerThatIsStopped:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def join(self) -> None:
        raise self.raises


@pytest.mark.parametrize("raises", [Stopped, KeyboardInterrupt])
def test_an_interrupted_storm_ends_in_one_sentence(
    raises: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 130, as an interrupted replay; it was a traceback of ours."""
    monkeypatch.setattr(PlayerThatIsStopped, "raises", raises)
    monkeypatch.setattr(chaos, "Player", PlayerThatIsStopped)
    monkeypatch.setattr(runs, "supervised", lambda conf, run, tell: nullcontext())
    recording = Recording("MNQ", "NQ", ())

    with pytest.raises(Interrupted, match=r"interrupted; the daemons are stopped; .* holds an unfinished run") as raised:
        chaos._replay(recorded.conf(), recording, tmp_path, _ignored, structlog.get_logger(), lambda instance: _ignored)

    assert raised.value.status == 130
