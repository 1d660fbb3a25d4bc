"""Instruments of one's own: added to the shipped ones, or replacing what they name, and never unnoticed."""

from pathlib import Path

import pytest
from msgspec.structs import asdict

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import load as conf
from tapewire.daemons.settings.instruments import own_file

CORN = """
[ZC]
root = "ZC"
point_value = 50.0
tick = 0.25
commission = 2.2
slippage_ticks = 1
calendar = "equity"
"""


def own(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_an_entry_of_a_new_symbol_adds_an_instrument(tmp_path):
    """The shipped ones stay, and a sentence says what came."""
    path = own(tmp_path, CORN)

    found = conf.table_of_instruments(path)

    assert found.of("ZC").point_value == 50.0
    assert {name: terms for name, terms in found.table.items() if name != "ZC"} == conf.instruments()
    assert found.told == (f"{path} adds ZC",)


def test_an_entry_of_a_shipped_symbol_replaces_the_fields_that_it_names(tmp_path):
    """The others keep their values; the sentence has the old and the new."""
    path = own(tmp_path, "[CL]\ncommission = 1.99\nenabled = false\n")

    found = conf.table_of_instruments(path)

    assert asdict(found.of("CL")) == {**asdict(conf.instrument("CL")), "commission": 1.99, "enabled": False}
    assert found.told == (f"{path} replaces CL: commission 2.47 -> 1.99, enabled True -> False",)


def test_an_entry_that_changes_nothing_is_not_told(tmp_path):
    """A copy of the shipped table is no news."""
    shipped = (conf.FOLDER / "instruments.toml").read_text()

    assert conf.table_of_instruments(own(tmp_path, shipped)).told == ()


def test_the_configuration_folder_comes_before_the_named_file(tmp_path, monkeypatch):
    """Both count; where both name a field, the file of the command line wins."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = own_file()
    folder.parent.mkdir()
    folder.write_text("[CL]\ncommission = 1.5\nslippage_ticks = 2\n")
    named = own(tmp_path, "[CL]\ncommission = 1.9\n")

    assert conf.instrument("CL").commission == 1.5
    assert (conf.instrument("CL", named).commission, conf.instrument("CL", named).slippage_ticks) == (1.9, 2)
    assert [text.split(" ")[0] for text in conf.table_of_instruments(named).told] == [str(folder), str(named)]


def test_a_run_holds_what_it_ran_with(tmp_path):
    """run.json has the terms of the own table, and is read without it."""
    path = own(tmp_path, CORN)
    settings = conf.load("replay", instance="t", traded=["ZC"], preset=conf.preset("seed"), own=path)
    conf.write(settings, tmp_path)
    path.unlink()

    assert conf.read(tmp_path).instruments["ZC"] == settings.instruments["ZC"]


def test_a_run_of_an_earlier_version_has_the_calendar_of_then(tmp_path):
    """Its instruments had no calendar; all were index futures."""
    settings = conf.load("replay", instance="t", traded=["MNQ"], preset=conf.preset("seed"))
    path = conf.write(settings, tmp_path)
    path.write_text(path.read_text().replace('"calendar": "equity",', ""))

    assert conf.read(tmp_path).instruments["MNQ"].calendar == "equity"


@pytest.mark.parametrize(
    "before, after, complaint",
    [
        ("tick = 0.25", "tick = 0", "[ZC]: tick = 0.0: write points, more than 0"),
        ("tick = 0.25", "tick = inf", "tick = inf is no number to count with"),
        ("tick = 0.25", "tick = 0.33333333333333", "with at most ten decimals"),
        ("tick = 0.25", 'tick = "1/4"', "Expected `float`, got `str` - at `$.tick`"),
        ("point_value = 50.0", "point_value = -50.0", "point_value = -50.0: write dollars per point"),
        ("commission = 2.2", "commission = -1.0", "commission = -1.0: write dollars per side, 0 or more"),
        ("slippage_ticks = 1", "slippage_ticks = -1", "slippage_ticks = -1: write 0 or more"),
        ('"equity"', '"grain"', "calendar: unknown calendar 'grain'; known: equity, energy"),
        ('root = "ZC"', 'root = "corn"', "root = 'corn': write A-Z and 0-9"),
        ('root = "ZC"', 'root = "GC"', "[ZC]: tick = 0.25, but GC with the same root 'GC' ticks 0.1; write that tick"),
        ("point_value = 50.0\n", "", "Object missing required field `point_value`"),
        ("commission", "comission", "unknown field `comission`"),
        ("commission", "comission", "did you mean 'commission'"),
        ("[ZC]", "[zc]", "[zc]: write [SYMBOL] of A-Z and 0-9, 8 at most"),
        ("[ZC]", "ZC = 1\n[QQ]", "[ZC]: write [SYMBOL]"),
        ("[ZC]", "[ZC", "Expected ']'"),
    ],
)
def test_a_wrong_field_is_refused_with_a_remedy(tmp_path, before, after, complaint):
    """The error names the file, the symbol, the field and the value."""
    path = own(tmp_path, CORN.replace(before, after))

    with pytest.raises(ConfError) as refused:
        conf.instruments(path)

    assert str(refused.value).startswith(str(path))
    assert complaint in str(refused.value)


def test_a_file_that_does_not_exist_is_refused():
    """A misspelt path must not mean the shipped terms."""
    with pytest.raises(ConfError, match=r"--instruments nowhere.toml: there is no such file; copy an entry of conf/"):
        conf.instruments(Path("nowhere.toml"))


def test_a_program_may_name_an_own_instrument(tmp_path, monkeypatch):
    """Its tiers are checked against the run's table."""
    monkeypatch.setattr(conf, "program_names", lambda: ["mine"])
    shipped = conf._read
    terms = {"description": "", "as_of": "2026-02-01", "check": "", "start": 50_000.0, "evaluation": {"target": 3_000.0}}
    terms |= {"contracts": {"ZC": [{"profit": 0.0, "at_most": 3}]}}
    monkeypatch.setattr(conf, "_read", lambda name: terms if name == "programs/mine.toml" else shipped(name))

    assert "ZC" in conf.program("mine", conf.instruments(own(tmp_path, CORN))).contracts
    with pytest.raises(ConfError, match="unknown instrument 'ZC'"):
        conf.program("mine")
