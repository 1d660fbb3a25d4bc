"""The bridge ends while NinjaTrader's threads go on, NinjaTrader while the bridge runs; the stand-in for NetMQ hides no hang."""

from pathlib import Path

import pytest

from tests.mono import needs_mono, run
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]


def test_closing_hangs_no_thread_that_still_talks(program: Path, tmp_path: Path) -> None:
    """400 times loaded and unloaded while two threads publish, deliver, raise, greet and enqueue, also after the end: a late word
    is dropped. No thread hangs, none gets an exception, no socket stays open."""
    done = run(program, "closing", "--folder", tmp_path, "--times", 400)

    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout.removeprefix("words ")) >= 2 * 2 * 400


@pytest.mark.parametrize("inline", [0, 1], ids=["events queued", "events inline"])
def test_unloading_throws_nothing_into_a_late_call(program: Path, tmp_path: Path, inline: int) -> None:
    """100 times loaded and unloaded while another thread closes bars, changes the connection and reads the chart, also after the
    end: the log has no exception, only that there is no key here."""
    where = ("--folder", tmp_path, "--invent", 100, "--cross", 0, "--inline", inline)

    done = run(program, "unloading", *where, "--times", 100)

    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if "no key: " not in line] == []


def test_a_process_ends_although_its_script_has_not(program: Path, tmp_path: Path) -> None:
    """No thread of the bridge's keeps NinjaTrader alive without a window."""
    done = run(program, "leave", "--folder", tmp_path, timeout=30)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_late_word_to_a_disposed_queue_ends_the_test_process(program: Path) -> None:
    """NetMQ would wait without end in the caller, which a test could overlook; the stand-in says so and ends the process."""
    done = run(program, "misuse", "enqueue after dispose")

    assert done.returncode == 70
    assert done.stderr.startswith("fatal: NetMQQueue.Enqueue after Dispose")


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("send on another thread", "InvalidOperationException"),
        ("connect on another thread", "InvalidOperationException"),
        ("dispose on another thread", "InvalidOperationException"),
        ("run twice", "InvalidOperationException"),
        ("stop twice", "InvalidOperationException"),
        ("run after dispose", "ObjectDisposedException"),
        ("socket before poller", "NetMQException"),
        ("send after dispose", "ObjectDisposedException"),
        ("option after dispose", "ObjectDisposedException"),
        ("connect after dispose", "ObjectDisposedException"),
        ("unknown host", "SocketException"),
    ],
)
def test_the_stand_in_refuses_misuse(program: Path, what: str, error: str) -> None:
    """Where NetMQ throws, or corrupts its state, the stand-in throws."""
    assert run(program, "misuse", what).stdout == f"{error}\n"
