"""The commands that the documents print for a live run, carried out on one that waits for its bridge."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import command
from tests.integration.conftest import home_in
from tests.printed import DRIVE, LIVE, place, printed

pytestmark = pytest.mark.slow

TIMEOUT_S = 120
STANDS_FOR = (  # what a reader puts in place
    (r"\b(FOLDER|ANOTHER)\b", "{}/folder"),
    (r"(?<= )--to \.(?= |$)", "--to {}/folder"),
    (r"--run out/wire", "--run var/live"),
    (r"YOUR\.ADDRESS", "127.0.0.1"),
    (r" > .*", ""),
)
# How a command ends where no bridge has ever been: what is refused or missing stands in its words.
WITHOUT_A_BRIDGE = {"accounts": 75, "day": 78, "doctor": 1, "latency": 78, "month": 78, "ready": 1, "send": 75, "verify": 78}
ENDS_WITH = {"ingress status mine-17": 65}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A reader's folder with a live run in `var/live`, as `tapewire up` puts it there, and his Windows drive."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "folder").mkdir()
    for place_of_scripts in ("AddOns", "Indicators", "Strategies"):
        (folder / "Documents" / "NinjaTrader 8" / "bin" / "Custom" / place_of_scripts).mkdir(parents=True)
    with home_in(folder):
        up = tapewire(folder, "up")
        if "in use" in up.stderr:
            pytest.skip("the live ports are in use on this machine; this test starts the live configuration")
        assert up.returncode == 0, up.stderr
        yield folder
        assert tapewire(folder, "down").returncode == 0


def test_what_the_documents_print_for_a_live_run_works(desk: Path) -> None:
    """Document by document; the same words once."""
    done: set[str] = set()
    for each in printed():
        words = stood_for(each.words, desk)
        if place(each) != LIVE or words in done | {"up", "down"}:
            continue
        ended = tapewire(desk, words)
        expected = ENDS_WITH.get(words, WITHOUT_A_BRIDGE.get(each.name, 0))
        assert ended.returncode == expected, f"{each.source}:{each.line}: {words}\n{ended.stdout}{ended.stderr}"
        done.add(words)


def test_a_program_in_another_language_reads_the_bus(desk: Path) -> None:
    """As docs/wire.md says it: a reader's key, its file, and examples/read_bus.py, which needs nothing of tapewire."""
    program = Path(__file__).parents[2] / "examples" / "read_bus.py"
    for words in ("keys new stranger --role reader", f"keys export stranger --to {desk}/folder"):
        assert tapewire(desk, words).returncode == 0

    reading = subprocess.Popen(
        [sys.executable, "-P", program, desk / "folder" / "stranger.key", "sys.beat."], stdout=subprocess.PIPE, text=True
    )
    assert reading.stdout is not None
    with reading:
        lines = [reading.stdout.readline() for _ in range(20)]
        reading.terminate()

    assert all(re.match(r"sys\.beat\.\w+\.@\d+:\d+ \{'v': 1, 'source': '\w+'", line) for line in lines), lines


def stood_for(words: str, desk: Path) -> str:
    """A printed command with what the reader has in place of what it names."""
    for pattern, own in STANDS_FOR:
        words = re.sub(pattern, own.format(desk), words)
    return words.replace(DRIVE, str(desk / "Documents"))


def tapewire(folder: Path, words: str) -> command.Done:
    """A command to its end, typed in this folder."""
    return command.ready().run(*shlex.split(words), timeout=TIMEOUT_S, cwd=str(folder))
