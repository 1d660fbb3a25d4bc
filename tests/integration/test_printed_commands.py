"""The commands that the documents print, run as a reader would: in their order, in one folder, on invented sessions.

A printed command is run here on a recording, or in test_printed_live.py on a live run. The rest stands in `ELSEWHERE`, with the
test that runs it.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from docs import pages
from tests import command, rewritten
from tests.integration.conftest import home_in
from tests.printed import DRIVE, ELSEWHERE, RECORDED, place, printed
from tests.recordings import read

pytestmark = pytest.mark.slow

TIMEOUT_S = 240
STANDS_FOR = (  # what a reader puts in place; fewer sessions, so that it is quick
    (r"^demo$", "demo --sessions 3"),
    (r"--out (BARS|RUN)\b", r"--out out/\1"),
    (r"\b(DIR|FILES|PATH)\b(\.\.\.)?", "out/demo/bars"),
    (r'"\$D"', f'"{DRIVE}/NinjaTrader 8/db"'),
    (r"--from 2026-03-27", "--from 2026-03-23"),
    (r"--sample 60 --test 20", "--sample 2 --test 1"),
    (r"sample=4", "sample=2"),
    (r"^lookahead (.*)--features", r"lookahead \1--features --to 2026-03-23 --cuts 2"),
    (r"--strategies first_green", "--strategies edge_fade"),
    (r"\bID\b", "MNQ-20260323-1218-VWAP_PULLBACK-EL"),
)
FIRST = ("docs/first.md", "docs/report.md", "docs/research.md")  # what they leave, later documents leave again from other files
ENDS_WITH = {"diff out/a out/c": 1}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A reader's folder."""
    folder = tmp_path_factory.mktemp("desk")
    with home_in(folder):
        yield folder


def test_every_printed_command_is_run_somewhere() -> None:
    """Here, on a live run, or by the test that `ELSEWHERE` names; which has no entry too many."""
    assert [f"{each.source}:{each.line}: {each.words}" for each in printed() if place(each) is None] == []
    assert [words for words, _ in ELSEWHERE if not any(re.search(words, each.words) for each in printed())] == []
    assert [test for _, test in ELSEWHERE if not (pages.ROOT / "tests" / test).is_file()] == []


def test_what_the_documents_print_for_recordings_works(desk: Path) -> None:
    """One command after another; what one leaves the next ones find. The same words are run once."""
    of_recordings = [each for each in printed() if place(each) == RECORDED]
    in_order = sorted(of_recordings, key=lambda each: FIRST.index(each.source) if each.source in FIRST else len(FIRST))
    ended: dict[str, str] = {}
    for each in in_order:
        words = stood_for(each.words, desk)
        if words not in ended:
            done = command.ready().run(*shlex.split(words), timeout=TIMEOUT_S, cwd=str(desk))
            ended[words] = done.stdout + done.stderr
            assert done.returncode == ENDS_WITH.get(each.words, 0), f"{each.source}:{each.line}: {words}\n{ended[words]}"
        if each.name == "demo":
            drive(desk)

    assert "no difference" in ended["diff out/a out/b"]
    assert "trade.MNQ." in ended["explain MNQ-20260323-1218-VWAP_PULLBACK-EL --run out/a"]


@pytest.mark.parametrize("source", ["docs/first.md", "docs/python.md"])
def test_the_python_of_the_documents_works(desk: Path, source: str) -> None:
    """Line by line, as a script in the reader's folder. A training needs sessions of its own: tests/unit/test_desk_train.py."""
    (block,) = re.findall(r"^```python\n(.*?)^```", (pages.ROOT / source).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    block = re.sub(r"^(?:model\b|.*\bmodel\.preset).*\n", "", block, flags=re.MULTILINE)
    (desk / "script.py").write_text(stood_for(block, desk))

    done = subprocess.run([sys.executable, "script.py"], cwd=desk, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def stood_for(words: str, desk: Path) -> str:
    """A printed command with what the reader has in place of what it names."""
    for pattern, own in STANDS_FOR:
        words = re.sub(pattern, own, words)
    return words.replace(DRIVE, str(desk / "Documents"))


def drive(desk: Path) -> None:
    """NinjaTrader's database and an export of the demo's sessions, on the reader's Windows drive."""
    bars = list(read(desk / "out" / "demo" / "bars").bars)
    rewritten.ninjatrader_database(desk / "Documents" / "NinjaTrader 8", bars, "NQ 06-26", ZoneInfo("Europe/Berlin"))
    shutil.copytree(desk / "out" / "demo" / "ninjatrader", desk / "Documents" / "exports")
