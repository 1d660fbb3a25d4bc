"""The research commands as a user runs them, with plug-ins as a user installs them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bus.errors import ConfError
from tests.integration.conftest import Run
from tests.plug_ins import CHEAT, install

pytestmark = pytest.mark.slow

TEMPLATE = Path(__file__).parents[2] / "strategies" / "template.py"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for packages, on the path of every command."""
    folder = tmp_path / "site"
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return folder


@pytest.fixture
def cheats(site: Path) -> Path:
    names = {name: name.capitalize() for name in ("peeker", "reader", "leaker", "gambler", "careless")}
    return install(site, "cheats", CHEAT, **names)


def preset(folder: Path, text: str) -> Path:
    """A preset of one's own: what is traded and with which numbers, the rest by default."""
    path = folder / "mine.toml"
    path.write_text(f'description = "mine"\nday_type = "edge"\n{text}')
    return path


# --- the template ---------------------------------------------------------------------------------------------------------------


def test_a_copy_of_the_template_runs_everywhere(tapewire: Run, bars: Path, site: Path, tmp_path: Path) -> None:
    """Installed as an entry point under another name: signals, backtest and lookahead know it, with its own parameters."""
    install(
        site, "mine", TEMPLATE.read_text().replace("First Breakout", "Mine").replace("FIRST_BREAKOUT", "MINE"), mine="FirstBreakout"
    )
    chosen = preset(tmp_path, 'strategies = ["mine", "edge_fade"]\n[parameters.mine]\nbeyond_r = 0.01\nuntil = "15:00"\n')
    options = ("--data", bars, "--preset", chosen)

    alone = tapewire("signals", *options, "--out", tmp_path / "signals")
    traded = tapewire("backtest", *options, "--out", tmp_path / "run")
    checked = tapewire("lookahead", *options, "--cuts", 3)

    assert (alone.returncode, traded.returncode, checked.returncode) == (0, 0, 0), alone.stderr + traded.stderr + checked.stdout
    proposals = [json.loads(line) for line in (tmp_path / "signals" / "proposals.jsonl").read_text().splitlines()]
    assert {"Mine"} <= {proposal["strategy"] for proposal in proposals}
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["preset"] == "mine"
    assert "Mine" in checked.stdout


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ("beyond_rr = 0.1", ["parameters.mine", "beyond_rr", "did you mean 'beyond_r'"]),
        ("stop_r = -1.0", ["parameters.mine", "stop_r = -1.0", "above 0"]),
        ('until = "1 pm"', ["parameters.mine", "until"]),
    ],
)
def test_its_parameters_are_checked_before_anything_starts(
    tapewire: Run, bars: Path, site: Path, tmp_path: Path, parameters: str, told: list[str]
) -> None:
    """Typed and validated like those of the built-in ones."""
    install(site, "mine", TEMPLATE.read_text(), mine="FirstBreakout")
    chosen = preset(tmp_path, f'strategies = ["mine"]\n[parameters.mine]\n{parameters}\n')

    done = tapewire("signals", "--data", bars, "--preset", chosen, "--out", tmp_path / "out")

    assert done.returncode == ConfError.status
    assert all(word in done.stderr for word in told), done.stderr
    assert not (tmp_path / "out").exists()


def test_a_broken_plug_in_is_named_by_the_run_that_names_it_and_hurts_no_other(
    tapewire: Run, bars: Path, site: Path, tmp_path: Path
) -> None:
    """The run with it is refused in one sentence; the run without it does not even import it."""
    install(site, "broken", "import no_such_library", broken="Strategy")

    refused = tapewire("backtest", "--data", bars, "--strategies", "edge_fade,broken", "--out", tmp_path / "out")
    done = tapewire("backtest", "--data", bars, "--strategies", "edge_fade", "--out", tmp_path / "out")

    assert refused.returncode == ConfError.status
    assert "strategy plug-in 'broken' (broken:Strategy) does not load: ModuleNotFoundError" in refused.stderr
    assert done.returncode == 0


def test_a_plug_in_that_raises_ends_itself_alone(tapewire: Run, bars: Path, cheats: Path, tmp_path: Path) -> None:
    """The others propose what they would have proposed without it; the account names it, and the status says so."""
    with_it = tapewire("signals", "--data", bars, "--strategies", "careless,pipeline", "--out", tmp_path / "with")
    without = tapewire("signals", "--data", bars, "--strategies", "pipeline", "--out", tmp_path / "without")

    assert (with_it.returncode, without.returncode) == (1, 0)
    assert "Careless is switched off for the rest of the run: propose failed with ZeroDivisionError" in with_it.stderr
    assert (tmp_path / "with" / "proposals.jsonl").read_bytes() == (tmp_path / "without" / "proposals.jsonl").read_bytes()


# --- look-ahead -----------------------------------------------------------------------------------------------------------------


def test_what_ships_does_not_look_ahead(tapewire: Run, bars: Path) -> None:
    """All strategies of a preset, and the arbitrated pipeline: the same at every cut."""
    done = tapewire("lookahead", "--data", bars, "--preset", "adaptive", "--cuts", 5, "--json")

    analysis = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert {row["verdict"] for row in analysis["rows"]} == {"same"}
    assert analysis["after"] == analysis["decided"] > 0


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        ("peeker", "Peeker at "),
        ("leaker", "remembers another run"),
        ("gambler", "Gambler at "),
        ("careless", "was switched off"),
    ],
)
def test_a_cheater_is_caught_and_the_honest_one_beside_it_is_not(
    tapewire: Run, bars: Path, cheats: Path, strategy: str, told: str
) -> None:
    """Future bars within reach, state that outlives a run, chance, a failure: each is told; the other's row says `same`."""
    done = tapewire("lookahead", "--data", bars, "--strategies", f"{strategy},edge_fade", "--cuts", 3)

    rows = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    assert done.returncode == 1
    assert told in done.stdout
    assert rows["Edge Fade"].endswith("same")
    assert not rows[strategy.capitalize()].endswith("same")


def test_a_strategy_that_opens_the_recording_is_caught_with_the_files_name(
    tapewire: Run, bars: Path, cheats: Path, tmp_path: Path
) -> None:
    """Its decisions are the same at every cut, because nobody cuts the file; that it reads is what gives it away."""
    file = bars / "NQ_Volumetric_1.csv.gz"
    chosen = preset(tmp_path, f'strategies = ["reader"]\n[parameters.reader]\npath = "{file}"\n')

    done = tapewire("lookahead", "--data", bars, "--preset", chosen, "--cuts", 2)

    assert done.returncode == 1
    assert f"reads beside the stream: opens {file}" in done.stdout
    assert "reader opens" in done.stdout


def test_a_strategy_that_ends_the_process_is_told_without_a_traceback(tapewire: Run, bars: Path, site: Path) -> None:
    """`os._exit` cannot be caught; whoever waits for that process says what happened."""
    kills = CHEAT.replace("def wants(self, s):\n        return random", "def wants(self, s):\n        import os, multiprocessing\n"
                          "        multiprocessing.parent_process() and os._exit(9)\n        return random")  # fmt: skip
    install(site, "killers", kills, gambler="Gambler")

    done = tapewire("lookahead", "--data", bars, "--strategies", "gambler")

    assert done.returncode == ConfError.status
    assert "ended with status 9" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_cuts_are_chosen_by_the_seed(tapewire: Run, bars: Path) -> None:
    """The seed is printed; the same one gives the same words."""
    first, again = (tapewire("lookahead", "--data", bars, "--strategies", "edge_fade", "--cuts", 2, "--seed", 5) for _ in range(2))

    assert "(seed 5)" in first.stdout
    assert first.stdout == again.stdout
