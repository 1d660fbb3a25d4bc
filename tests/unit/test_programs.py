"""The programs under conf/programs hold the playbook's values, and a misspelt or contradictory file is refused by name."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import load as conf
from tapewire.daemons.settings.programs import Funded, Lock
from tests.programs import SHIPPED, intraday, shipped

MINIMAL = """
description = "a test"
as_of = 2026-02-01
check = "none"
start = 50000.0

[evaluation]
target = 3000.0
"""


def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A conf folder with the real instruments and one program of its own, `mine`."""
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "mine.toml").write_text(text)
    for name in ("instruments.toml", "base.toml", "replay.toml", "rolls.toml"):
        (tmp_path / name).write_text((conf.FOLDER / name).read_text())
    monkeypatch.setattr(conf, "FOLDER", tmp_path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("as_of", dt.date(2026, 2, 1)),
        ("start", 150_000.0),
        ("evaluation.target", 9_000.0),
        ("evaluation.trailing.distance", 4_500.0),
        ("evaluation.trailing.mode", "end_of_day"),
        ("evaluation.trailing.lock", None),
        ("evaluation.daily_loss", None),
        ("evaluation.time_limit_days", None),
        ("evaluation.minimum_days", 0),
        ("funded.trailing.distance", 4_500.0),
        ("funded.trailing.lock", Lock(100.0, 100.0)),
        ("funded.daily_loss", None),
        ("funded.payouts.days", 5),
        ("funded.payouts.day_profit", 250.0),
        ("funded.payouts.share", 0.9),
        ("funded.payouts.cap", 5_000.0),
        ("funded.payouts.live_after", 6),
        ("funded.payouts.processing_days", 7),
        ("consistency.share", 0.4),
        ("consistency.enforce", False),
        ("fees.accounts", 5),
        ("fees.resets", 2),
        ("fees.per_month", 219.0),
        ("flat_by", None),
    ],
)
def test_the_shipped_program_has_the_playbooks_terms(path: str, value: Any) -> None:
    """Section 6, row by row; sizes and contract tiers are in test_allowance.py."""
    term: Any = conf.program(SHIPPED)
    for name in path.split("."):
        term = getattr(term, name)

    assert term == value


def test_every_program_can_be_loaded_and_has_the_date_of_its_check() -> None:
    """A date and a warning are mandatory."""
    for name in conf.program_names():
        program = conf.program(name)
        assert program.as_of.year >= 2026
        assert program.check


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (MINIMAL.replace("check =", "chek ="), "unknown field `chek` (did you mean 'check'?)"),
        (MINIMAL + "[funded.payouts]\ndais = 5", "unknown field `dais` - at `$.funded.payouts` (did you mean 'days'?)"),
        (MINIMAL + "[[contracts.MNQ]]\nprofits = 0.0\nat_most = 1", "(did you mean 'profit'?)"),
        (MINIMAL.replace("as_of = 2026-02-01", ""), "missing required field `as_of`"),
        (MINIMAL.replace("2026-02-01", '"spring"'), "as_of"),
        (MINIMAL.replace("3000.0", "0.0"), "Expected `float` > 0.0 - at `$.evaluation.target`"),
        (MINIMAL + '[evaluation.trailing]\ndistance = 1.0\nmode = "hourly"', "Invalid enum value 'hourly'"),
        (MINIMAL.replace("start", 'flat_by = "9:99"\nstart'), "flat_by"),
        (MINIMAL + "[consistency]\nshare = 40.0", "<= 1.0 - at `$.consistency.share`"),
        (MINIMAL + "[contracts]\nMNO = [{ profit = 0.0, at_most = 3 }]", "unknown instrument 'MNO' (did you mean 'MNQ'?)"),
        (MINIMAL + "[contracts]\nMNQ = []", "Expected `array` of length >= 1"),
        (
            MINIMAL + "[contracts]\nMNQ = [{ profit = 1.0, at_most = 3 }, { profit = 1.0, at_most = 4 }]",
            "[contracts] MNQ: profit 1 comes after 1; write the lines in rising order",
        ),
        (
            MINIMAL + '[evaluation.sizing]\nunit = "dollars"\ntiers = [{ profit = 0.0, a = 1.0, b = 1.0 }]\n'
            "cuts = [{ drawdown_over = 9.0, share = 0.5 }, { drawdown_over = 3.0, share = 0.0 }]",
            "[evaluation.sizing] cuts: drawdown_over 3 comes after 9",
        ),
        (MINIMAL.replace("target = 3000.0", "[funded]"), "[funded] is never reached: [evaluation] has no target"),
    ],
)
def test_a_wrong_program_is_refused_by_file_and_key(text: str, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any daemon starts."""
    written(tmp_path, monkeypatch, text)

    with pytest.raises(ConfError) as caught:
        conf.program("mine")

    assert "programs/mine.toml" in str(caught.value)
    assert error in str(caught.value)


def test_an_unknown_program_gets_a_suggestion() -> None:
    """With the names that exist."""
    with pytest.raises(ConfError, match=r"unknown program 'buffer_scalling' \(did you mean 'buffer_scaling'\?\); known: buffer_"):
        conf.program("buffer_scalling")


@pytest.mark.parametrize(
    ("text", "traded", "error"),
    [
        (MINIMAL + "[contracts]\nMES = [{ profit = 0.0, at_most = 3 }]", "MNQ", "does not name MNQ; trade MES"),
        (MINIMAL.replace("start", 'flat_by = "15:59"\nstart'), "MNQ", "flat_by 15:59, but preset 'seed' leaves at 15:59"),
        (
            MINIMAL + '[evaluation.sizing]\nunit = "contracts"\na = ["Trend Day Bul"]\ntiers = [{ profit = 0.0, a = 1, b = 1 }]',
            "MNQ",
            "no strategy is called 'Trend Day Bul' (did you mean 'Trend Day Bull'?)",
        ),
    ],
)
def test_a_program_that_contradicts_the_run_is_refused(
    text: str, traded: str, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instruments, hours and strategies must be those of the run."""
    preset = conf.preset("seed")
    written(tmp_path, monkeypatch, text)

    with pytest.raises(ConfError) as caught:
        conf.load("replay", instance="test", traded=[traded], preset=preset, program="mine")

    assert error in str(caught.value)


def test_the_configuration_may_name_the_program() -> None:
    """`[trading] program` sets it for a live account; the command line wins; without either there is none."""
    preset = conf.preset("seed")
    loaded = [
        conf.load("replay", instance="test", traded=["MNQ"], preset=preset, changes={"trading": trading}, program=program)
        for trading, program in (({}, None), ({"program": SHIPPED}, None), ({"program": SHIPPED}, "buffer_scaling"))
    ]

    assert [each.program.name if each.program else None for each in loaded] == [None, SHIPPED, "buffer_scaling"]


def test_a_program_survives_run_json(tmp_path: Path) -> None:
    """The daemons of a run read it from there."""
    written = conf.load("replay", instance="test", traded=["MNQ"], preset=conf.preset("seed"), program=SHIPPED)
    conf.write(written, tmp_path)

    assert conf.read(tmp_path).program == conf.program(SHIPPED)


def test_only_rules_about_open_equity_need_every_bar() -> None:
    """Only then the gate subscribes to bars."""
    later = shipped(funded={"trailing": intraday().evaluation.trailing})

    assert [each.sees_open_equity for each in (shipped(), intraday(), later)] == [False, True, True]
    assert isinstance(later.funded, Funded)
