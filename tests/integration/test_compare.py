"""`tapewire compare` as a user calls it: grids of two regions and a database against a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tapewire.daemons.settings import load as configuration
from tapewire.replay import outputs
from tests.databases import BUY, SELL, Database
from tests.runs import at, conf, finished

GRID = """Instrument,Action,Quantity,Price,Time,ID,E/X,Position,Order ID,Name,Commission,Rate,Account,Connection,
MNQ 03-27,Sell,1,103.00,2/{day}/2027 10:19:30 AM,x2,Exit,-,o2,Target,$0.62,1,Sim101,Sim,
MNQ 03-27,Buy,1,100.50,2/{day}/2027 10:00:01 AM,x1,Entry,1 L,o1,Entry,$0.62,1,Sim101,Sim,
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with one long, from 11:01 to 11:20 New York time."""
    folder = finished(tmp_path_factory.mktemp("run"))
    configuration.write(conf(), folder)
    outputs.write(folder, conf())
    return folder


def test_an_accounts_trades_are_compared_with_a_run(tapewire, run, tmp_path):
    """A grid of a PC in Chicago, the database, then one trade more: exit status 0, 0 and 1, with the same difference."""
    grid = tmp_path / "NinjaTrader Grid.csv"
    grid.write_text(GRID.format(day=24))
    database = Database(tmp_path / "db")
    database.fill(at(660), BUY, 1, 100.5, 1)
    database.fill(at(679), SELL, 1, 103.0, 0)

    by_grid = tapewire("compare", grid, run, "--zone", "America/Chicago")
    by_database = tapewire("compare", tmp_path / "db", run, "--json")
    database.fill(at(800), BUY, 1, 100.5, 1)
    database.fill(at(810), SELL, 1, 103.0, 0)
    with_another = tapewire("compare", tmp_path / "db", run, "--account", "Sim101")
    database.close()

    assert (by_grid.returncode, by_grid.stderr) == (0, "")
    assert "twins         1; without one: 0 of the account, 0 of the run" in by_grid.stdout
    assert "slippage      +1.00 ticks, +0.50 $ against you" in by_grid.stdout
    assert by_database.returncode == 0, by_database.stderr
    assert json.loads(by_database.stdout)["twins"][0]["slippage_ticks"] == 1.0
    assert with_another.returncode == 1
    assert "of the account, without a twin in the run" in with_another.stdout


def test_what_must_be_said_is_asked_for_by_option(tapewire, run, tmp_path):
    """The zone, then the order of the dates: one line on stderr, exit status 78, and with the option it is read."""
    grid = tmp_path / "grid.csv"
    grid.write_text(GRID.format(day=3))
    zone = ("--zone", "America/Chicago")

    without_zone = tapewire("compare", grid, run)
    without_order = tapewire("compare", grid, run, *zone)
    wrong_order = tapewire("compare", grid, run, *zone, "--dates", "ymd")
    told = tapewire("compare", grid, run, *zone, "--dates", "mdy", "--from", "2027-02-01", "--to", "2027-02-04")

    assert [done.returncode for done in (without_zone, without_order, wrong_order, told)] == [78, 78, 78, 1]
    assert "--zone America/New_York" in without_zone.stderr
    assert "say --dates dmy" in without_order.stderr
    assert "--dates 'ymd'; write dmy" in wrong_order.stderr
    assert "twins         0; without one: 1 of the account, 0 of the run" in told.stdout
