"""`tapewire new-strategy`: what it writes works as it is, and a name that cannot work is refused."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.operator import new_strategy
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings import rails
from tapewire.strategies import registry
from tapewire.strategies.template import FirstBreakout
from tests import command


@pytest.fixture
def made(tmp_path: Path) -> Path:
    new_strategy.new_strategy("first_green", tmp_path)
    return tmp_path / "first_green"


def test_the_folder_has_a_strategy_its_test_its_preset_and_the_steps(made: Path) -> None:
    """Nothing of the template's names is left, and the steps name its own files."""
    texts = {path.name: path.read_text("utf-8") for path in made.iterdir()}

    assert {*texts} == {"first_green.py", "test_first_green.py", "first_green.toml", "pyproject.toml", "README.md"}
    assert not [name for name, text in texts.items() if "Breakout" in text or "BREAKOUT" in text]
    assert [line[:2] for line in texts["README.md"].splitlines() if line[:1].isdigit()] == ["1.", "2.", "3.", "4.", "5."]
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    assert project["entry-points"]["tapewire.strategies"] == {"first_green": "first_green:FirstGreen"}


def test_its_own_test_passes(made: Path) -> None:
    """As its user runs it: in its folder, by pytest alone."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_first_green.py"],
        cwd=made,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout


def test_it_is_linted_as_our_own_code(made: Path) -> None:
    """The first thing that a user's editor says of it should be nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "132", "--select", "E,F,I,B", str(made)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_its_preset_is_bare_with_it(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same exits and limits as `--preset bare`, its parameters at their defaults; a live start finds every rail named."""
    monkeypatch.setitem(registry.BUILT_IN, "first_green", FirstBreakout)  # type: ignore[arg-type]
    preset = configuration.preset(str(made / "first_green.toml"))
    bare = configuration.preset("bare")

    assert (preset.exits, preset.risk) == (bare.exits, bare.risk)
    assert preset.strategies == ("first_green",)
    assert [*preset.parameters["first_green"]] == ["until", "beyond_r", "stop_r", "target_r"]
    assert rails.missing(preset.risk) == []
    assert configuration.load("live", instance="test", traded=["MNQ"], preset=preset).preset.strategies


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("FirstGreen", "a strategy is named with a-z, 0-9 and _"),
        ("first-green", "a strategy is named with"),
        ("1st", "a strategy is named with"),
        ("a" * 25, "at most 24"),
        ("class", "a strategy is named with"),
        ("edge_fade", "'edge_fade' is taken"),
        ("random", "'random' is taken"),
        ("numpy", "'numpy' is taken"),
        ("", "a strategy is named with"),
        ("../x", "a strategy is named with"),
    ],
)
def test_a_name_that_cannot_work_is_refused(name: str, words: str, tmp_path: Path) -> None:
    """It becomes a module, a setup's code and a key in presets; nothing is written."""
    with pytest.raises(ConfError, match=words):
        new_strategy.new_strategy(name, tmp_path)

    assert not [*tmp_path.iterdir()]


def test_a_folder_that_is_there_is_left_alone(made: Path) -> None:
    """Nobody's rules are overwritten."""
    (made / "first_green.py").write_text("mine")

    with pytest.raises(ConfError, match="is there already"):
        new_strategy.new_strategy("first_green", made.parent)

    assert (made / "first_green.py").read_text() == "mine"


def test_the_command_says_what_comes_next(tmp_path: Path) -> None:
    """The files, and the first step."""
    done = command.ready().run("new-strategy", "first_green", "--to", tmp_path, timeout=60)

    assert done.returncode == 0, done.stderr
    assert f"next: pip install -e {tmp_path / 'first_green'}" in done.stdout
