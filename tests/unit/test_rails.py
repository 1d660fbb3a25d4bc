"""Rails: a live configuration sets or loosens each one by name."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import load as conf
from tapewire.daemons.settings import rails
from tapewire.daemons.settings.structs import Conf, LossStreak, RiskLimits

ALL = tuple(rails.RAILS)


def load(overlay: str, **risk: object) -> Conf:
    return conf.load(overlay, instance="test", traded=["MNQ"], preset=conf.preset("seed"), changes={"risk": risk})


@pytest.mark.parametrize("name", ALL)
def test_a_live_configuration_that_leaves_a_rail_out_does_not_start(name: str) -> None:
    """The error names the rail, its meaning, a value to set and the entry that loosens it."""
    limits = RiskLimits(loosened=tuple(each for each in ALL if each != name))

    with pytest.raises(ConfError) as caught:
        rails.check(limits, "live.toml [risk]", complete=True)

    example, meaning = rails.RAILS[name]
    assert str(caught.value).startswith(f"live.toml [risk]: {name} is neither set nor loosened: {meaning}")
    assert f'write {name} = {example}, or loosened = ["{name}"]' in str(caught.value)


def test_all_missing_rails_are_named_at_once() -> None:
    """So one start is enough to learn all of them."""
    with pytest.raises(ConfError) as caught:
        rails.check(RiskLimits(day_loss=500.0), "here", complete=True)

    named = {line.split()[0] for line in str(caught.value).splitlines()[1:]}
    assert named == set(ALL) - {"day_loss"}


def test_loosening_every_rail_by_name_is_enough() -> None:
    """A configuration without rails names each of them."""
    rails.check(RiskLimits(loosened=ALL), "here", complete=True)


def test_the_examples_can_be_written_as_they_stand() -> None:
    """Each remedy in a message is a value that passes."""
    text = "\n".join(f"{name} = {example}" for name, (example, _) in rails.RAILS.items())

    rails.check(msgspec.toml.decode(text, type=RiskLimits), "here", complete=True)


def test_a_replay_may_leave_rails_out() -> None:
    """A replay risks no money."""
    rails.check(RiskLimits(), "here", complete=False)


@pytest.mark.parametrize("preset", conf.preset_names())
def test_the_shipped_presets_set_or_loosen_every_rail(preset: str) -> None:
    """In the preset itself, so that it may trade live with any overlay."""
    rails.check(conf.preset(preset).risk, preset, complete=True)


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        (RiskLimits(day_loss=500.0, loosened=("day_loss",)), "day_loss = 500.0 is set and loosened; keep one"),
        (RiskLimits(loosened=("day_lost",)), r"unknown rail 'day_lost' \(did you mean 'day_loss'\?\)"),
        (RiskLimits(day_loss=-500.0), "day_loss = -500.0: write a value above 0"),
        (RiskLimits(day_loss=0.0), "day_loss = 0.0: write a value above 0"),
        (RiskLimits(max_trades=0), "max_trades = 0: write a value above 0"),
        (RiskLimits(missing_bars=-1), "missing_bars = -1: write 0 or more"),
        (RiskLimits(loss_streak=LossStreak(losses=0, cooldown_min=30)), "loss_streak = .*: write a value above 0"),
        (RiskLimits(entry_windows=("9-16",)), "entry_windows: '9-16' is not a window; write HH:MM-HH:MM"),
        (RiskLimits(flatten_from="16:4"), "flatten_from: '16:4' is not a time"),
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_a_rail_that_makes_no_sense_is_refused_everywhere(limits: RiskLimits, complaint: str, complete: bool) -> None:
    """Misspelt, contradicting itself, or a number that limits nothing or everything."""
    with pytest.raises(ConfError, match=complaint):
        rails.check(limits, "here", complete=complete)


@pytest.mark.parametrize("name", ["missing_bars", "close_min", "price_band_ticks"])
def test_zero_is_a_limit_where_it_means_none_at_all(name: str) -> None:
    """No missing bar, no distance from the market."""
    rails.check(RiskLimits(**{name: 0}), "here", complete=False)  # type: ignore[arg-type]


def test_what_an_overlay_sets_is_no_longer_loosened() -> None:
    """The preset loosens the profit lock; live.toml sets it, and need not repeat the list."""
    loaded = load("live", day_profit=750.0).preset.risk

    assert loaded.day_profit == 750.0
    assert "day_profit" not in loaded.loosened
    assert "loss_streak" in loaded.loosened


def test_what_an_overlay_loosens_is_no_longer_set() -> None:
    """In reverse: the overlay loosens the preset's loss limit by name."""
    loaded = load("live", loosened=["day_loss"]).preset.risk

    assert loaded.day_loss is None
    assert "day_loss" in loaded.loosened


def test_the_shipped_live_configuration_starts_with_more_rails_than_the_playbook() -> None:
    """The rails that a healthy feed never reaches are set."""
    loaded = load("live").preset.risk

    assert (loaded.price_band_ticks, loaded.feed_age_s, loaded.missing_bars) == (8, 90.0, 30)
    assert load("replay").preset.risk.price_band_ticks is None


def test_a_misspelt_limit_gets_a_suggestion() -> None:
    """As every other key does."""
    with pytest.raises(ConfError, match="did you mean 'day_loss'"):
        load("live", day_los=500.0)


def test_every_rail_is_explained() -> None:
    """The page beside the gate has a row for each rail and each switch."""
    page = (Path(rails.__file__).parents[1] / "gate" / "README.md").read_text("utf-8")

    assert [name for name in (*rails.RAILS, *rails.SWITCHES) if f"| `{name}` |" not in page] == []
