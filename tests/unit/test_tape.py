"""The journal of a run: what is appended can be read at once, although its file gets many frames together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapewire.bus import wire
from tapewire.bus.journal import scan
from tapewire.bus.messages import Ack, Header, HistoryRequest
from tapewire.daemons.shell import tape as tapes
from tapewire.daemons.shell.tape import Tape

FRAMES = [wire.encode(Header(1, "nt", 1, seq, seq), Ack(f"a.@1:{seq}")) for seq in range(1, 8)]


def filled(folder: Path) -> Tape:
    tape = Tape(folder)
    for seq, frame in enumerate(FRAMES, 1):
        tape.append("a.", 1, seq, frame)
        tape.append("b.", 1, seq, frame)
    return tape


def test_what_was_appended_is_counted_and_paged_before_it_is_flushed(tmp_path: Path) -> None:
    """A reader of history asks the writer, not the file."""
    tape = filled(tmp_path)

    page = tape.page(HistoryRequest("ask", "a.", 2, 3))
    assert (page.frames, page.end) == (tuple(FRAMES[2:5]), 7)
    assert [(each.topic, each.records, each.seq) for each in filled(tmp_path / "other").lengths("")] == [("a.", 7, 7), ("b.", 7, 7)]
    tape.close()


@pytest.mark.parametrize("bytes_held", [1, 100, 1 << 17])
def test_the_files_do_not_depend_on_how_many_frames_they_get_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_held: int
) -> None:
    """Byte for byte; flushed, they are all there."""
    monkeypatch.setattr(tapes, "HELD_BYTES", bytes_held)
    tape = filled(tmp_path)
    tape.flush()

    assert [*scan(tmp_path / "a.tape")] == [*scan(tmp_path / "b.tape")] == FRAMES
    tape.close()
