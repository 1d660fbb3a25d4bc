"""Strategies by name: typed parameters, suggestions for misspelt ones, and plug-ins that cannot affect each other."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from msgspec import Struct

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Session
from tapewire.daemons.settings import load as conf
from tapewire.strategies import registry
from tapewire.strategies.protocol import MAX_SETUP, DayTypeOf, Proposal, trades_all_hours
from tests.scenes import PRESETS


class FirstGreen:
    """A strategy as a third party would write it."""

    name = "First Green"
    setups = ("FIRST_GREEN",)

    class Params(Struct, frozen=True, forbid_unknown_fields=True):
        stop_points: float = 10.0

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        self.params = params

    def start(self, session: str) -> None: ...

    def update(self, s: Session) -> None: ...

    def propose(self, s: Session) -> Proposal | None: ...

    def consume(self, proposal: Proposal) -> None: ...


class Nameless:
    """Not a strategy: it only proposes."""

    def propose(self, s: Session) -> Proposal | None: ...


class LongWinded(FirstGreen):
    setups = ("X" * (MAX_SETUP + 1),)


class Nocturnal(FirstGreen):
    hours = "night"


@pytest.fixture
def plug_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site with one good plug-in and several bad ones."""
    points = [
        EntryPoint("first_green", f"{__name__}:FirstGreen", registry.GROUP),
        EntryPoint("broken", "no_such_module_anywhere:Strategy", registry.GROUP),
        EntryPoint("nameless", f"{__name__}:Nameless", registry.GROUP),
        EntryPoint("long_winded", f"{__name__}:LongWinded", registry.GROUP),
        EntryPoint("nocturnal", f"{__name__}:Nocturnal", registry.GROUP),
        EntryPoint("a_function", f"{__name__}:installed", registry.GROUP),
        EntryPoint("edge_fade", f"{__name__}:FirstGreen", registry.GROUP),
    ]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: installed(points, group))


def installed(points: Iterable[EntryPoint], group: str) -> list[EntryPoint]:
    return [point for point in points if point.group == group]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_builds_the_seven_in_priority_order(preset: str) -> None:
    """OR Reversal first, Bear Accept Short last (playbook 4)."""
    shipped = conf.preset(preset)
    built = registry.build(shipped.strategies, shipped.parameters, shipped.day_type)

    assert [each.name for each in built] == [
        "OR Reversal",
        "Trend Day Bull",
        "P-Day",
        "B-Day IBL Fade",
        "Edge Fade",
        "IBH Sweep+Fail",
        "Bear Accept Short",
    ]


@pytest.mark.parametrize(
    ("preset", "strategy"),
    [
        ("v_reversal_classic", "V-Reversal"),
        ("v_reversal_bidirectional", "V-Reversal"),
        ("vwap_bounce_cloud", "VWAP Bounce"),
        ("vwap_bounce_iter3", "VWAP Bounce"),
    ],
)
def test_the_presets_of_one_strategy_build_it_with_its_own_size(preset: str, strategy: str) -> None:
    """And with its own hours; the preset holds the size under the name that signals carry."""
    shipped = conf.preset(preset)
    (built,) = registry.build(shipped.strategies, shipped.parameters, shipped.day_type)

    assert built.name == strategy
    assert trades_all_hours(built)
    assert list(shipped.risk.sizing) == [strategy]


@pytest.mark.parametrize("preset", ["v_reversal_bidirectional", "v_reversal_classic"])
def test_a_preset_of_one_strategy_documents_every_parameter(preset: str) -> None:
    """The file lists every setting."""
    shipped = conf.preset(preset)
    (name,) = shipped.strategies

    assert set(shipped.parameters[name]) == set(registry.load(name).Params.__struct_fields__)


def test_setups_fit_into_an_intents_id() -> None:
    """Every code a built-in strategy may carry is short enough."""
    assert all(len(setup) <= MAX_SETUP for cls in registry.BUILT_IN.values() for setup in cls.setups)


@pytest.mark.parametrize(
    ("names", "parameters", "day_type", "message"),
    [
        (["edge_fad"], {}, "edge", r"unknown strategy 'edge_fad' \(did you mean 'edge_fade'\?\); known: or_reversal"),
        (["edge_fade"], {"edge_fad": {}}, "edge", r"\[parameters.edge_fad\]: unknown strategy .*did you mean 'edge_fade'\?"),
        (
            ["edge_fade"],
            {"edge_fade": {"pause_bar": 1}},
            "edge",
            r"\[parameters.edge_fade\].*`pause_bar` \(did you mean 'pause_bars'\?\)",
        ),
        (["edge_fade"], {"edge_fade": {"pause_bars": "20"}}, "edge", r"Expected `int`, got `str` - at `\$.pause_bars`"),
        (["edge_fade"], {"edge_fade": {"until": "1:30 pm"}}, "edge", r"at `\$.until`"),
        (["edge_fade"], {"edge_fade": {"divergence_lag_bars": 10}}, "edge", "write 1 to divergence_bars - 1"),
        (["edge_fade"], {"edge_fade": {"candle_minutes": 0}}, "edge", "write 1 or more"),
        (["pipeline"], {"pipeline": {"distance_points": 0.0}}, "edge", "write a distance above 0"),
        (["trend_day_bull"], {}, "edge", "missing required field `day_types`"),
        (["trend_day_bull"], {"trend_day_bull": {"day_types": ["uptrend"]}}, "edge", "Invalid enum value 'uptrend'"),
        (["or_reversal"], {"or_reversal": {"variant": "running"}}, "edge", "exactly one of swept_at_most_points"),
        (
            ["or_reversal"],
            {"or_reversal": {"variant": "running", "swept_under_w": 0.1}},
            "edge",
            "exactly one of vwap_at_most_points",
        ),
        (["edge_fade", "edge_fade"], {}, "edge", "'edge_fade' repeats 'Edge Fade'; name each strategy once"),
        (["edge_fade"], {}, "edges", r"unknown day_type 'edges' \(did you mean 'edge'\?\); known: edge, midpoint"),
    ],
)
def test_a_wrong_preset_is_refused_with_the_place_and_the_remedy(
    names: list[str], parameters: dict[str, dict[str, Any]], day_type: str, message: str
) -> None:
    """The error names the wrong key and the remedy."""
    with pytest.raises(ConfError, match=message):
        registry.build(names, parameters, day_type)


def test_parameters_of_strategies_that_are_not_built_are_no_error() -> None:
    """`--strategies edge_fade` keeps the tables of the others in the preset."""
    shipped = conf.preset("seed", ["edge_fade"])

    assert [each.name for each in registry.build(shipped.strategies, shipped.parameters, shipped.day_type)] == ["Edge Fade"]


@pytest.mark.usefixtures("plug_ins")
def test_a_plug_in_is_built_like_any_other() -> None:
    """Its own parameters, its own place in the priority."""
    built = registry.build(["first_green", "pipeline"], {"first_green": {"stop_points": 3.0}}, "edge")

    assert [each.name for each in built] == ["First Green", "Pipeline"]
    assert isinstance(built[0], FirstGreen)
    assert built[0].params.stop_points == 3.0


@pytest.mark.usefixtures("plug_ins")
def test_a_table_of_an_installed_plug_in_may_stay_in_a_preset() -> None:
    """Even of a broken one, as long as no preset names it."""
    assert registry.build(["pipeline"], {"broken": {"x": 1}, "first_green": {}}, "edge")


@pytest.mark.usefixtures("plug_ins")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "broken",
            r"strategy plug-in 'broken' \(no_such_module_anywhere:Strategy\) does not load: ModuleNotFoundError: .*repair it",
        ),
        ("nameless", r"'nameless' .*lacks start, update, consume, name \(text\), Params \(a msgspec Struct\), setups"),
        ("long_winded", "lacks setups .*at most 24 characters"),
        ("nocturnal", r"lacks hours \('rth' or 'all'\)"),
        ("a_function", "is not a class; point the entry point at the strategy's class"),
    ],
)
def test_a_broken_plug_in_is_refused_by_name(name: str, message: str) -> None:
    """The error says what is wrong with it."""
    with pytest.raises(ConfError, match=message):
        registry.build([name], {}, "edge")


@pytest.mark.usefixtures("plug_ins")
def test_a_broken_plug_in_stops_no_other() -> None:
    """Each name loads on its own, and a plug-in cannot take a built-in name."""
    loaded, broken = {}, set()
    for name in registry.defined():
        try:
            loaded[name] = registry.load(name)
        except ConfError:
            broken.add(name)

    assert set(loaded) == {*registry.BUILT_IN, "first_green"}
    assert loaded["edge_fade"].name == "Edge Fade"
    assert broken == {"broken", "nameless", "long_winded", "nocturnal", "a_function"}
