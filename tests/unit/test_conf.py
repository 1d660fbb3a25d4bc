"""Configuration: a run uses what was written, and a misspelt key is refused with a suggestion."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import load as conf
from tapewire.daemons.settings.alerting import within
from tapewire.daemons.settings.structs import PORT_BLOCK, PORTS, Bus, Conf, Trading
from tapewire.strategies.clock import hhmm

WRONG: list[object] = [5, -1.5, True, "x", "", [], ["x"], [["x"]], {"x": 5}, dt.date(2024, 1, 1)]
"""One of each type that TOML has, and none that a section or one of its lists could be."""


def load(overlay: str = "replay", **changes: Any) -> Conf:
    return conf.load(overlay, instance="test", traded=["MNQ"], preset=conf.preset("seed"), changes=changes)


def test_live_trading_is_off_until_an_account_is_named() -> None:
    """The shipped live configuration trades nothing."""
    assert load("live").trading == Trading(enabled=False, account="")


def test_enabling_without_an_account_is_refused() -> None:
    """Both keys are required, on purpose."""
    with pytest.raises(ConfError, match="needs an account"):
        load("live", trading={"enabled": True})


def test_a_live_configuration_refuses_unlimited_strategies() -> None:
    """The key that lets the plumbing test trade all day is for replays."""
    with pytest.raises(ConfError, match="replays only"):
        load("live", trading={"unlimited": ["Pipeline"]})


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"bus": {"base_prot": 1}}, ["base_prot", "base_port"]),
        ({"trading": {"acount": "Sim101"}}, ["acount", "account"]),
        ({"tradin": {"enabled": True}}, ["tradin", "trading"]),
        ({"bus": {"pin": "fast"}}, ["[bus]", "pin = 'fast'", '"auto", "off"', "number of a core"]),
        ({"bus": {"host": ""}}, ["[bus]", "host = ''", "such as 127.0.0.1"]),
        ({"bus": {"host": "::1"}}, ["[bus]", "host = '::1'", "IPv4 address of this machine"]),
        ({"bus": {"public_host": "[::]"}}, ["[bus]", "public_host = '[::]'", "IPv4 address of this machine"]),
        ({"bus": {"base_port": "high"}}, ["base_port", "int"]),
        ({"tracker": {"timeframe": [5]}}, ["[tracker]", "timeframe", "timeframes"]),
        ({"tracker": {"timeframes": [5, "7s"]}}, ["[tracker]", "timeframes", "'7s'", "seconds that divide a minute"]),
        ({"tracker": {"timeframes": ["13h"]}}, ["[tracker]", "timeframes", "'13h'", "hours to 12"]),
        ({"tracker": {"timeframes": [721]}}, ["[tracker]", "timeframes", "721", "1 to 720"]),
        ({"ingress": {"ttl_s": 400.0}}, ["[ingress]", "ttl_s = 400", "max_ttl_s = 300"]),
        ({"ingress": {"max_sl_points": 0}}, ["[ingress]", "max_sl_points", "1 or more"]),
        ({"alerts": {"zone": "Europe/Berln"}}, ["[alerts]", "zone = 'Europe/Berln'", "Europe/Berlin"]),
        ({"alerts": {"digest_at": "25:00"}}, ["[alerts]", "'25:00'", "HH:MM"]),
        ({"alerts": {"silent_s": 1.0}}, ["[alerts]", "silent_s = 1", "3 to 3600"]),
        ({"alerts": {"channels": {"phone": {"quiet": ["22-7"]}}, "rules": []}}, ["[alerts]", "'22'", "HH:MM"]),
        ({"alerts": {"channels": {"phone": {"level": "loud"}}}}, ["[alerts]", "loud", "level"]),
        ({"alerts": {"rules": [{"topics": [""], "channels": ["phone"]}]}}, ["no channel 'phone'", "[alerts.channels.phone]"]),
        ({"tracker": {"timeframes": [5, 15, 5]}}, ["[tracker]", "timeframes", "[5, 15, 5]", "once"]),
        ({"tracker": {"timeframes": [5, "5m"]}}, ["[tracker]", "timeframes", "[5, '5m']", "once"]),
    ],
)
def test_a_wrong_key_or_value_is_named(changes: dict[str, dict[str, object]], names: list[str]) -> None:
    """The error holds the key as written and the nearest existing one, or the type that was expected."""
    with pytest.raises(ConfError) as caught:
        load(**changes)

    assert all(name in str(caught.value) for name in names)


@pytest.mark.parametrize("value", [each for each in WRONG if not isinstance(each, dict)])
@pytest.mark.parametrize("section", conf.SECTIONS)
def test_a_section_that_is_no_table_is_named(section: str, value: object) -> None:
    """`bus = 5` in place of `[bus]`: no traceback, and no setting that is passed over."""
    with pytest.raises(ConfError) as caught:
        load(**{section: value})

    assert f"{section} = {value!r} is no section; write [{section}]" in str(caught.value)


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("name", ["loosened", "caps", "sizing", "strategy_day_loss", "entry_windows", "loss_streak"])
def test_a_limit_of_any_type_is_taken_or_refused_with_its_name(name: str, value: object) -> None:
    """Also what is read before the section has its types: what it loosens, and the table of caps."""
    refused = ""
    try:
        load(risk={name: value})
    except ConfError as error:
        refused = str(error)

    assert not refused or name in refused


@pytest.mark.parametrize("path", ["publisher.signal_files", "mirror.public", "api.certificate", "bus.host"])
def test_a_character_that_no_path_can_hold_is_refused(path: str) -> None:
    """TOML can write it, the system cannot be asked for it."""
    section, _, name = path.partition(".")

    with pytest.raises(ConfError, match=rf"\[{section}\]: {name} = 'a\\x00b' holds a NUL character"):
        load(**{section: {name: "a\0b"}})


def test_a_file_that_windows_has_saved_is_read(tmp_path: Path) -> None:
    """Its editors put a byte-order mark before the first line; as UTF-16 the file is refused with the remedy."""
    text = (conf.FOLDER / "presets" / "seed.toml").read_text("utf-8")
    (tmp_path / "mine.toml").write_text(text, "utf-8-sig")
    (tmp_path / "wide.toml").write_text(text, "utf-16")

    assert conf.preset(str(tmp_path / "mine.toml")).strategies == conf.preset("seed").strategies
    with pytest.raises(ConfError, match=r"wide\.toml: .*; save it as UTF-8"):
        conf.preset(str(tmp_path / "wide.toml"))


def test_an_address_in_the_settings_is_refused_and_not_repeated() -> None:
    """They are kept with the run; addresses have a file of their own."""
    with pytest.raises(ConfError, match="`tapewire alert add NAME` asks for its address") as caught:
        load(alerts={"channels": {"discord://s3cr3t/t0ken": {}}, "rules": []})

    assert "s3cr3t" not in str(caught.value)


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1439))
def test_quiet_hours_hold_each_minute_from_their_begin_to_their_end(minute: int, begin: int, end: int) -> None:
    """Also over midnight: as one walks from the begin, minute by minute."""
    assume(begin != end)
    walked = {(begin + step) % 1440 for step in range((end - begin) % 1440)}

    assert within(minute, (f"{hhmm(begin)}-{hhmm(end)}",)) is (minute in walked)


@pytest.mark.parametrize(
    ("load", "suggestion"),
    [
        (lambda: conf.instrument("MNO"), "MNQ"),
        (lambda: conf.preset("sead"), "seed"),
        (lambda: conf.load("live", instance="t", traded=["MNQ"], preset=conf.preset("seed"), fill="close_"), "close"),
    ],
)
def test_an_unknown_name_gets_a_suggestion(load: object, suggestion: str) -> None:
    """Instruments, presets and fill models."""
    with pytest.raises(ConfError, match=f"did you mean '{suggestion}'"):
        load()  # type: ignore[operator]


@pytest.mark.parametrize("name", ["ring", "last_values_mib", "reader_mib"])
def test_memory_without_room_is_refused(name: str) -> None:
    """The message names key and remedy, before any daemon starts."""
    with pytest.raises(ConfError, match=rf"\[bus\]: {name} = 0 leaves no room; write at least 1"):
        conf.load("live", changes={"bus": {name: 0}}, instance="t", traded=["MNQ"], preset=conf.preset("seed"))


def test_every_instrument_states_all_its_terms() -> None:
    """Point value, tick, commission and slippage are mandatory; a hundred ticks are so many dollars, as the exchange has them."""
    known = conf.instruments()

    assert all(each.source for each in known.values())
    assert {name: each.cents(100) / 100 for name, each in known.items()} == {
        "NQ": 500,
        "MNQ": 50,
        "ES": 1250,
        "MES": 125,
        "YM": 500,
        "MYM": 50,
        "RTY": 500,
        "M2K": 50,
        "CL": 1000,
        "MCL": 100,
        "NG": 1000,
        "GC": 1000,
        "MGC": 100,
        "SI": 2500,
        "6E": 625,
        "M6E": 125,
        "6J": 625,
        "6B": 625,
        "ZN": 1562.5,
        "ZB": 3125,
        "ZF": 781.25,
        "ZT": 781.25,
        "BTC": 2500,
        "MBT": 50,
        "ETH": 2500,
        "MET": 5,
    }


@pytest.mark.parametrize("ticks, cents", [(2, 3_125), (64, 100_000), (-2, -3_125), (0, 0), (1, 1_562), (-1, -1_562)])
def test_half_a_cent_is_rounded_once(ticks: int, cents: int) -> None:
    """A tick of the 10-year note is 15.625 dollars. Two are 31.25, not twice a rounded one; gains and losses round alike."""
    note = conf.Instrument(root="ZN", point_value=1000.0, tick=1 / 64, commission=1.0, slippage_ticks=1, calendar="rates")

    assert note.cents(ticks) == cents


@pytest.mark.parametrize("missing", ["root", "point_value", "tick", "commission", "slippage_ticks", "calendar"])
def test_an_instrument_without_one_of_its_terms_is_refused(missing: str) -> None:
    """There is no default multiplier."""
    table = {"root": "NQ", "point_value": 2.0, "tick": 0.25, "commission": 0.62, "slippage_ticks": 1, "calendar": "equity"}
    del table[missing]

    with pytest.raises(ConfError, match=missing):
        conf.convert(table, conf.Instrument, "instruments.toml [MNQ]")


def test_every_preset_can_be_loaded() -> None:
    """Live as in a replay: a preset names only existing strategies, and sets or loosens every rail."""
    for name in conf.preset_names():
        preset = conf.preset(name, ["pipeline"] if name == "bare" else None)
        assert conf.load("live", instance="live", traded=["ES"], preset=preset).preset.strategies


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ([], {}),
        (["v_reversal.drop_threshold=5.0"], {"drop_threshold": 5.0}),
        (
            ["v_reversal.drop_threshold=5", "v_reversal.rise_threshold = 4.5", "v_reversal.max_daily_signals=60"],
            {"drop_threshold": 5, "rise_threshold": 4.5, "max_daily_signals": 60},
        ),
        (["v_reversal.enable_sell=false"], {"enable_sell": False}),
        (["v_reversal.variant=classic"], {"variant": "classic"}),
        (["v_reversal.session_close=16:00"], {"session_close": "16:00"}),
        (['v_reversal.trading_windows=["09:00-11:00"]'], {"trading_windows": ["09:00-11:00"]}),
    ],
)
def test_single_settings_are_laid_over_a_preset(settings: list[str], changed: dict[str, object]) -> None:
    """At the start, by name; the rest is as in the preset's file, and the result is part of the run's configuration."""
    shipped, chosen = conf.preset("v_reversal_bidirectional"), conf.preset("v_reversal_bidirectional", settings=settings)

    assert chosen.parameters["v_reversal"] == {**shipped.parameters["v_reversal"], **changed}
    assert (chosen.exits, chosen.risk) == (shipped.exits, shipped.risk)


def test_settings_reach_exits_limits_and_chosen_strategies() -> None:
    """Sections by their names; a strategy that the preset does not trade, once it is chosen."""
    chosen = conf.preset("seed", ["pipeline"], ["exits.exit_time=15:30", "risk.max_trades=3", "pipeline.distance_points=5.0"])

    assert (chosen.exits.exit_time, chosen.risk.max_trades) == ("15:30", 3)
    assert chosen.parameters["pipeline"] == {"distance_points": 5.0}


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ("v_reversal.drop_treshold=5.0", r"--set v_reversal.drop_treshold=5.0: .*did you mean 'drop_threshold'"),
        ("v_reversl.drop_threshold=5.0", r"did you mean 'v_reversal.drop_threshold'"),
        ("v_reversal.drop_threshold=deep", r"--set v_reversal.drop_threshold=deep: .*Expected `float`, got `str`"),
        ("v_reversal.drop_threshold=-1", r"--set v_reversal.drop_threshold=-1: .*write more than 0"),
        ("v_reversal.drop_threshold", r"write name=value, such as v_reversal.drop_threshold=5.0"),
        ("=5", r"write name=value"),
        ("v_reversal.drop_threshold=", r"write name=value"),
        ("edge_fade.pause_bars=5", r"edge_fade is not traded in this run; traded: v_reversal \(see --strategies\)"),
        ("day_type=edgy", r"--set day_type=edgy: unknown day_type 'edgy' \(did you mean 'edge'\?\)"),
        ("risk.max_trade=5", r"did you mean 'max_trades'"),
        ("exits.trail=true", r"--set exits.trail=True: .*unknown field `trail`.*write trailed = \["),
    ],
)
def test_a_setting_that_does_not_fit_is_named(setting: str, error: str) -> None:
    """With the nearest name, before anything starts."""
    with pytest.raises(ConfError, match=error):
        conf.preset("v_reversal_bidirectional", settings=[setting])


@pytest.mark.parametrize("old", ["true", "false"])
def test_a_preset_of_an_earlier_version_is_refused_with_the_key_that_replaced_its_own(tmp_path: Path, old: str) -> None:
    """`trail` named no strategy. The nearest key is `trailed`, with another kind of value: the error says which."""
    mine = tmp_path / "mine.toml"
    shipped = (conf.FOLDER / "presets" / "absolute.toml").read_text("utf-8")
    mine.write_text(shipped.replace('trailed = ["Trend Day Bull"]', f"trail = {old}"), "utf-8")

    with pytest.raises(ConfError, match=r'mine\.toml: .*`trail`.*write trailed = \["Trend Day Bull"\], for trail = false leave'):
        conf.preset(str(mine))


@pytest.mark.parametrize(("preset", "trail"), [("seed", False), ("absolute", True)])
def test_a_run_of_an_earlier_version_is_read(tmp_path: Path, preset: str, trail: bool) -> None:
    """Its run.json holds `trail` in place of `trailed`. The run continues with its state, and finished runs stay readable."""
    written = conf.load("replay", instance="test", traded=["MNQ"], preset=conf.preset(preset))
    path = conf.write(written, tmp_path)
    table = json.loads(path.read_text("utf-8"))
    del table["preset"]["exits"]["trailed"]
    table["preset"]["exits"]["trail"] = trail
    path.write_text(json.dumps(table), "utf-8")

    assert conf.read(tmp_path) == written


def test_a_setting_is_given_once() -> None:
    """Of two values, none can be preferred."""
    with pytest.raises(ConfError, match=r"--set risk.max_trades is given twice; keep one"):
        conf.preset("seed", settings=["risk.max_trades=3", "risk.max_trades=4"])


def test_a_run_has_longer_timeframes_only_if_it_names_them() -> None:
    """The shipped configurations publish none; a layer's list replaces the one below."""
    assert load().tracker.timeframes == load("live").tracker.timeframes == ()
    assert load(tracker={"timeframes": [5, 15]}).tracker.timeframes == (5, 15)


def test_a_run_reads_back_what_it_was_started_with(tmp_path: Path) -> None:
    """run.json is the whole configuration: written, read, equal."""
    written = load()
    conf.write(written, tmp_path)

    assert conf.read(tmp_path) == written


def test_a_folder_without_run_json_is_refused(tmp_path: Path) -> None:
    """The error says which file is missing and how to get one."""
    with pytest.raises(ConfError, match=r"run\.json is missing.*tapewire up"):
        conf.read(tmp_path)


def test_ports_are_distinct_and_within_the_span() -> None:
    """No two sockets of a run share a port, and a block of PORT_BLOCK holds them all."""
    assert len(set(PORTS.values())) == len(PORTS)
    assert max(PORTS.values()) < PORT_BLOCK
    assert Bus(base_port=7000).address("venue") == "tcp://127.0.0.1:7013"


def test_live_and_replay_never_share_a_port() -> None:
    """A replay on the trading PC cannot meet the live daemons."""
    live, replay = load("live").bus.base_port, load("replay").bus.base_port

    assert abs(live - replay) >= PORT_BLOCK
