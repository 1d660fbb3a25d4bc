"""Every number in the settings: one that is none, or below 0 where that means nothing, is refused with the name of its field."""

from __future__ import annotations

import math
from typing import Any, get_args

import msgspec
import pytest
from msgspec import Struct

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import load as conf
from tapewire.daemons.settings.alerting import Alerting, Channel
from tapewire.daemons.settings.structs import (
    Api,
    Bus,
    Exits,
    Ingress,
    Instrument,
    LossStreak,
    Mirroring,
    RiskLimits,
    Sizing,
    Subscribers,
    Tracking,
    Trading,
)

SECTIONS: dict[str, type[Struct]] = {
    "bus": Bus,
    "trading": Trading,
    "tracker": Tracking,
    "subscribers": Subscribers,
    "mirror": Mirroring,
    "ingress": Ingress,
    "api": Api,
    "alerts": Alerting,
    "risk": RiskLimits,
}
# Tables inside of a section: where they stand, and what they hold beside the number that is tried.
INSIDE: dict[str, tuple[str, type[Struct], dict[str, Any]]] = {
    "risk loss_streak": ("risk", LossStreak, {"losses": 3, "cooldown_min": 30}),
    "risk sizing Edge Fade": ("risk", Sizing, {"account": 1000.0, "risk_share": 0.01}),
    "alerts channels phone": ("alerts", Channel, {}),
}
NONE = [math.nan, math.inf, -math.inf, 1e300]


def numbers(kind: type[Struct]) -> list[str]:
    """The fields that hold a number."""
    return [each.name for each in msgspec.structs.fields(kind) if {int, float} & {each.type, *get_args(each.type)}]


def started(section: str, values: dict[str, Any]) -> None:
    """What a start does with a section of its overlay."""
    conf.load("replay", instance="test", traded=["MNQ"], preset=conf.preset("seed"), changes={section: values})


CASES = [(section, "", name) for section, kind in SECTIONS.items() for name in numbers(kind)]
CASES += [(words.partition(" ")[0], words, name) for words, (_, kind, _) in INSIDE.items() for name in numbers(kind)]


def written(words: str, name: str, value: float) -> dict[str, Any]:
    """The section with the number in its place."""
    table: dict[str, Any] = {name: value}
    if words:
        _, *path = words.split(" ", 2)
        table = INSIDE[words][2] | table
        for key in reversed(path):
            table = {key: table}
    return table


def test_the_table_has_every_number() -> None:
    """So that a new setting is tried as well."""
    assert len(CASES) > 60
    assert {"day_loss", "price_band_ticks", "books_apart", "ttl_s", "heal_s", "risk_cap"} <= {name for *_, name in CASES}


@pytest.mark.parametrize("value", NONE)
@pytest.mark.parametrize(("section", "words", "name"), CASES)
def test_what_is_no_number_is_refused_with_its_name(section: str, words: str, name: str, value: float) -> None:
    """No traceback, and no limit that is switched off in silence."""
    with pytest.raises(ConfError, match=name):
        started(section, written(words, name, value))


@pytest.mark.parametrize(("section", "words", "name"), CASES)
def test_a_number_below_0_is_refused_with_its_name(section: str, words: str, name: str) -> None:
    """A negative limit, time or size limits nothing."""
    with pytest.raises(ConfError, match=name):
        started(section, written(words, name, -1))


@pytest.mark.parametrize("value", [*NONE, -1.0])
@pytest.mark.parametrize("name", numbers(Exits))
def test_an_exit_rule_is_checked_likewise(name: str, value: float) -> None:
    """From the command line and from Python, too."""
    with pytest.raises(ConfError, match=name):
        conf.changed(conf.preset("seed"), {f"exits.{name}": value})


@pytest.mark.parametrize("value", [*NONE, -1.0])
@pytest.mark.parametrize("name", numbers(Instrument))
def test_the_terms_of_an_instrument_are_checked_likewise(name: str, value: float) -> None:
    """Those of one run, and so those of a file: both are read in one way."""
    with pytest.raises(ConfError, match=name):
        conf.load("replay", instance="test", traded=["MNQ"], preset=conf.preset("seed"), terms={"MNQ": {name: value}})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["edge_fade.ib_at_most_w90", "or_reversal.age_at_most_bars", "risk.strategy_day_loss"])
def test_a_strategys_number_must_be_finite(name: str, value: float) -> None:
    """Below 0 it may mean something: a strategy checks its own."""
    given = {"Edge Fade": value} if name.startswith("risk") else value

    with pytest.raises(ConfError, match=name.rpartition(".")[2]):
        conf.changed(conf.preset("seed"), {name: given})
