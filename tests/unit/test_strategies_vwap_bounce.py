"""VWAP Bounce (playbook 9): the source's vectors, each filter and time rule on both sides, and its exits."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.daemon import Event, Request
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Action, Bar, Fill, Header, PlaceOrder, Position, Signal, Suppressed, Trade
from tapewire.bus.testing import eastern
from tapewire.daemons.evaluator.core import Evaluator
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings import load as configuration
from tapewire.strategies import registry
from tapewire.strategies.protocol import Exit, Move, Proposal, Suppresses
from tapewire.strategies.roster import Independent
from tapewire.strategies.vwap_bounce import VwapBounce
from tests.candles import Row, backtest, bars, mirrored, sessions, settings, strategy

DAY = "2025-02-13"  # a Thursday
FRIDAY = "2025-02-14"
CLOUD, ITER3 = "vwap_bounce_cloud", "vwap_bounce_iter3"
ONE_MINUTE = {"rsi_tf": "1m", "rsi_method": "simple"}
AROUND = 11_600.0  # mirrors 5800 onto itself

B = TypeVar("B")


def w3(close: float = 5795.0, volume: int = 300) -> list[Row]:
    """The bars of vector W3 up to the bounce bar with this close."""
    quiet = [(c, c + 0.25, c - 0.25, c, 100) for c in (5799.75, 5800.25) * 10]
    falling = [(c + 0.5, c + 0.5, c - 0.25, c, 100) for c in (5799.5 - 0.5 * i for i in range(8))]
    return [*quiet, *falling, (5796.0, 5796.0, 5793.0, 5793.5, 200), (5793.5, close + 0.25, 5793.25, close, volume)]


def told(
    rows: list[Row], preset: str = CLOUD, *, at: str = "10:00", day: str = DAY, calendar: Calendar | None = None, **changes: Any
) -> tuple[list[Proposal], list[tuple[str, str]]]:
    """What the strategy proposes and suppresses (reason and detail) on the last of these bars, which closes at a time."""
    feed = bars("00:00", rows, day=day)
    shift = eastern(at, day) - feed[-1].close_ns
    moved = [msgspec.structs.replace(bar, close_ns=bar.close_ns + shift) for bar in feed]
    built = strategy("vwap_bounce", preset, **changes)
    assert isinstance(built, Suppresses)
    alone = Independent([built], "15:59")
    for s in sessions(moved, calendar):
        alone.roster.fold(s)
        suppressed = [(each.reason, each.detail) for each in built.suppressed(s)]
        proposed = alone.roster.every(s)
    return proposed, suppressed


def reasons(*args: Any, **kwargs: Any) -> list[str]:
    return [reason for reason, _ in told(*args, **kwargs)[1]]


def warmed(at: str, rows: list[Row]) -> list[Bar]:
    """These bars after some of the day before, so that RSI and mean volume have values when the session starts."""
    return [*bars("15:00", [(5799.75, 5799.75, 5799.75, 5799.75, 100)] * 40, day="2025-02-12"), *bars(at, rows, day=DAY)]


def bodies(said: list[Event], kind: type[B]) -> list[B]:
    return [event.body for event in said if isinstance(event.body, kind)]


# --- the source's vectors (playbook 9.3) --------------------------------------------------------------------------------------


def test_vector_w1_on_the_strategys_own_sums() -> None:
    """VWAP 5782.53 with bands 5798.43 and 5766.63, of `cloud`'s closes."""
    middle = [5800 - 2 * i if i < 15 else 5770 + 1.5 * (i - 15) for i in range(30)]
    rows: list[Row] = [(p - 0.5, p + 1, p - 1.5, p - 0.5, 1000 + 10 * i) for i, p in enumerate(middle)]
    built = strategy("vwap_bounce", CLOUD)
    assert isinstance(built, VwapBounce)
    for s in sessions(bars("10:00", rows, day=DAY)):
        built.update(s)

    assert built.bands.vwap is not None
    assert built.band is not None
    assert (round(built.bands.vwap, 2), round(built.band[1], 2), round(built.band[0], 2)) == (5782.53, 5798.43, 5766.63)


def test_vector_w2_size_by_risk() -> None:
    """1 % of 50,000 is 500; entry 5800 and stop 5798 are 8 ticks of 12.50: 5 contracts, target 5804."""
    rows: list[Row] = [(o + 5, h + 5, low + 5, c + 5, volume) for o, h, low, c, volume in w3()]
    said = backtest(settings(CLOUD), warmed("10:00", rows))
    (signal,) = bodies(said, Signal)
    (order,) = bodies(said, PlaceOrder)

    assert (signal.entry, signal.stop, signal.target, signal.size) == (5800.0, 5798.0, 5804.0, 5)
    assert (order.qty, order.limit) == (5, None)
    assert (signal.entry - 5798.0) * 50 * signal.size == 500.0


def test_vector_w3_cloud_long() -> None:
    """VWAP 5798.6061, lower band 5794.3759, RSI 24.39: LONG at 5795.00, stop 5793.00, target 5799.00."""
    (proposal,), suppressed = told(w3())

    assert (proposal.direction, proposal.setup, proposal.score) == ("LONG", "VWAP_BOUNCE_LONG", 0.75)
    assert (proposal.entry, proposal.stop, proposal.target, proposal.limit) == (5795.0, 5793.0, 5799.0, None)
    assert proposal.reason == (
        "5793.00 touched the 2 sigma band 5794.38 of VWAP 5798.61, close 5795.00 is back inside; RSI 24.39, volume 300"
    )
    assert suppressed == []


def test_vector_w3_cloud_holds_for_rsi() -> None:
    """A close of 5795.50 has RSI 27.91, which is not below 25."""
    assert told(w3(5795.5)) == ([], [("RSI", "RSI 27.91 is not below 25")])


def test_vector_w3_the_touch_bar_itself_is_no_bounce() -> None:
    """It closes below the band."""
    assert told(w3()[:-1]) == ([], [])


def test_vector_w3_iter3_on_one_minute_simple_rsi() -> None:
    """RSI(10) 18.18, lower band 5794.2135: LONG, stop 5792.25, target 5806.50, 3 contracts where the risk would allow 4."""
    (proposal,), _ = told(w3(), ITER3, **ONE_MINUTE)
    preset = configuration.preset(ITER3)
    table = {"vwap_bounce": {**preset.parameters["vwap_bounce"], **ONE_MINUTE}}
    conf = msgspec.structs.replace(settings(ITER3), preset=msgspec.structs.replace(preset, parameters=table))
    (signal,) = bodies(backtest(conf, warmed("10:00", w3())), Signal)

    assert (proposal.entry, proposal.stop, proposal.target) == (5795.0, 5792.25, 5806.5)
    assert "band 5794.21" in proposal.reason
    assert "RSI 18.18" in proposal.reason
    assert (signal.stop, signal.target, signal.size) == (5792.25, 5806.5, 3)


@pytest.mark.parametrize(
    ("story", "rows"),
    [
        ("one bar is not enough data", w3()[-1:]),
        ("no volume", [(*row[:4], 0) for row in w3()]),
    ],
)
def test_vector_w4_without_bands_is_hold(story: str, rows: list[Row]) -> None:
    """There is no band to touch."""
    assert told(rows) == ([], []), story


@pytest.mark.parametrize(("qty", "requests"), [(0, 1), (1, 0), (-1, 0)])
def test_vector_w4_with_a_position_every_bar_is_hold(qty: int, requests: int) -> None:
    """Entries are requested only when flat."""
    core = Evaluator({"ES": configuration.instrument("ES")}, configuration.preset(CLOUD))
    position = Position("Replay", qty=qty, price=5796.0 if qty else None, entry_id="somebody's" if qty else "")
    sent = 0
    for seq, s in enumerate(sessions(warmed("10:00", w3())), 1):
        held = msgspec.structs.replace(s, bar=msgspec.structs.replace(s.bar, position=position))
        said = core.step(Event("session.ES.", Header(1, "tracker", 1, seq, s.bar.close_ns), held))
        sent += sum(isinstance(output, Request) for output in said)

    assert sent == requests


# --- the setup and its filters, on both sides -----------------------------------------------------------------------------------


def test_a_short_is_the_mirror_image() -> None:
    """Down at the upper band, stop above, target below."""
    (proposal,), _ = told(mirrored(w3(), AROUND))

    assert (proposal.direction, proposal.setup) == ("SHORT", "VWAP_BOUNCE_SHORT")
    assert (proposal.entry, proposal.stop, proposal.target) == (5805.0, 5807.0, 5801.0)


@pytest.mark.parametrize(("preset", "changes"), [(CLOUD, {}), (ITER3, ONE_MINUTE)])
def test_mirrored_prices_give_mirrored_signals(preset: str, changes: dict[str, Any]) -> None:
    """Same distances on both sides, in both presets."""
    (long,), (short,) = (told(rows, preset, **changes)[0] for rows in (w3(), mirrored(w3(), AROUND)))

    assert long.target is not None
    assert (short.entry, short.stop, short.target) == (AROUND - long.entry, AROUND - long.stop, AROUND - long.target)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"band_entry": 1.70}, False),  # the close is 1.705 deviations below VWAP
        ({"band_entry": 1.71}, True),
        ({"band_entry": 2.65}, True),
        ({"band_entry": 2.66}, False),  # the low of the bar before is 2.651 below
        ({"band_entry": 2.66, "touch_band": "previous"}, True),  # and was 3.194 below when it was made
        ({"band_entry": 3.19, "touch_band": "previous"}, True),
        ({"band_entry": 3.20, "touch_band": "previous"}, False),
    ],
)
def test_a_bounce_touches_the_band_and_closes_back_inside(changes: dict[str, Any], found: bool) -> None:
    """The touch is the previous bar's low, the close this bar's; which band the touch is judged by is a choice."""
    proposed, suppressed = told(w3(), **changes)

    assert (bool(proposed), suppressed) == (found, [])


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"rsi_oversold": 24.4}, None),
        ({"rsi_oversold": 1000 / 41}, "RSI"),  # equal is no
        ({"rsi_oversold": 24.39}, "RSI"),
        ({"rsi_oversold": 24.39, "use_rsi": False}, None),
        ({"rsi_oversold": 24.39, "rsi_period": 30}, None),  # 30 changes are not there yet: an RSI of None refuses nothing
        ({"volume_mult": 2.85}, None),  # 300 against a mean of 105
        ({"volume_mult": 2.86}, "VOLUME"),
        ({"volume_mult": 2.86, "use_volume": False}, None),
        ({"volume_mult": 2.86, "volume_lookback": 29}, None),  # 300 against 103.4
        ({"volume_mult": 9.0, "volume_lookback": 29}, "VOLUME"),
        ({"volume_mult": 9.0, "volume_lookback": 30}, None),  # 30 bars before are not there yet
    ],
)
def test_each_filter_refuses_on_one_side_of_its_number(changes: dict[str, Any], refused: str | None) -> None:
    """Vector W3 with one number changed."""
    proposed, suppressed = told(w3(), **changes)

    assert [reason for reason, _ in suppressed] == ([] if refused is None else [refused])
    assert bool(proposed) is (refused is None)


@pytest.mark.parametrize(("close", "use_side", "refused"), [(5798.75, True, []), (5799.0, True, ["SIDE"]), (5799.0, False, [])])
def test_the_side_filter_requires_a_long_below_vwap(close: float, use_side: bool, refused: list[str]) -> None:
    """A bounce that runs through to the other side of VWAP (5798.97) is too late."""
    assert reasons(w3(close), use_rsi=False, use_side=use_side) == refused


@pytest.mark.parametrize(
    ("first", "use_trend", "refused"),
    [
        (5799.75, True, []),  # the last 15-minute close, 5800.25, lies above its average: up
        (5800.5, True, []),  # half a tick below: neither
        (5800.75, True, ["TREND"]),  # a quarter of a point below the average: down
        (5800.75, False, []),
    ],
)
def test_the_trend_filter_refuses_a_long_in_a_falling_trend(first: float, use_trend: bool, refused: list[str]) -> None:
    """Two 15-minute closes, the bars at 09:45 and 10:00, and their average."""
    rows = [(first, first + 0.25, first - 0.25, first, 100), *w3()[1:]]

    assert reasons(rows, at="10:14", use_trend=use_trend, trend_ema=2, use_rsi=False) == refused


def test_without_a_trend_the_filter_refuses_nothing() -> None:
    """21 quarters of an hour have not passed."""
    assert reasons(w3(), use_trend=True) == []


def test_the_15_minute_rsi_reads_closes_by_the_clock() -> None:
    """Closes of 09:45 and 10:00 only fall: RSI(1) is 0, whatever the minutes in between did."""
    (proposal,), _ = told(w3(), at="10:00", rsi_tf="15m", rsi_period=1)

    assert "RSI 0.00" in proposal.reason


def test_stop_and_target_must_lie_on_either_side_of_the_close() -> None:
    """A bounce that closes beyond the opposite far band has nothing left to gain."""
    assert reasons(w3(5812.0), ITER3, use_rsi=False, use_side=False) == ["RANGE"]


@pytest.mark.parametrize(
    ("preset", "changes", "stop"),
    [
        (CLOUD, {"stop_ticks": 11}, 5792.25),
        (ITER3, {**ONE_MINUTE, "stop_ticks": 19}, 5790.25),
        (
            ITER3,
            {**ONE_MINUTE, "stop_ticks": 20},
            5790.25,
        ),  # two ticks beyond the far band, 5790.75 on the tick: nearer
        (ITER3, {**ONE_MINUTE, "stop_ticks": 18}, 5790.5),
    ],
)
def test_the_nearer_stop_counts(preset: str, changes: dict[str, Any], stop: float) -> None:
    """A fixed distance, or beyond the far band if there is one."""
    (proposal,), _ = told(w3(), preset, **changes)

    assert proposal.stop == stop


# --- the session (playbook 9.4) ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [CLOUD, ITER3])
@pytest.mark.parametrize(
    ("at", "day", "half_day", "refused"),
    [
        ("03:00", DAY, False, []),
        ("16:44", DAY, False, []),
        ("16:45", DAY, False, ["HOURS"]),
        ("17:00", DAY, False, ["HOURS"]),
        ("18:31", DAY, False, []),  # Friday's session, on Thursday
        ("16:29", FRIDAY, False, []),
        ("16:30", FRIDAY, False, ["FRIDAY"]),
        ("16:30", DAY, False, []),
        ("16:45", FRIDAY, False, ["HOURS"]),
        ("12:44", DAY, True, []),
        ("12:45", DAY, True, ["HOURS"]),
        ("18:31", "2025-02-16", False, []),  # Sunday
    ],
)
def test_entries_have_hours_by_the_bars_time(at: str, day: str, half_day: bool, refused: list[str], preset: str) -> None:
    """From 18:00 to 16:45, on Friday to 16:30, on a half day to a quarter of an hour before its close."""
    calendar = Calendar(half_days={DAY: "13:00"} if half_day else {})
    changes = {"use_rsi": False}

    assert reasons(w3(), preset, at=at, day=day, calendar=calendar, **changes) == refused


def test_vwap_begins_with_the_trade_date_and_rsi_runs_on() -> None:
    """Bars of the previous session are in no VWAP sum of this one; its changes of closes are in the RSI."""
    before = bars("16:30", [(5900.0, 5900.0, 5900.0, 5900.0)] * 20, day=DAY)
    evening = bars("18:01", [(5900.0, 5900.0, 5900.0, 5900.0), (5901.0, 5901.0, 5901.0, 5901.0)], day=DAY)
    built = strategy("vwap_bounce", CLOUD)
    assert isinstance(built, VwapBounce)
    alone = Independent([built], "15:59")
    for s in sessions([*before, *evening]):
        alone.step(s)

    assert (built.bands.bars, built.bands.vwap) == (2, 5900.5)
    assert built.rsi.value == 100.0
    assert built.mean_volume == 1000.0


@pytest.mark.parametrize(("at", "bars_counted"), [("09:32", 2), ("09:30", 0), ("16:01", 29)])
def test_a_vwap_of_regular_hours_counts_their_bars_only(at: str, bars_counted: int) -> None:
    """With session_reset at 09:30 the night is not in it, and outside those hours there is no setup."""
    built = strategy("vwap_bounce", CLOUD, session_reset="09:30", use_rsi=False)
    assert isinstance(built, VwapBounce)
    feed = bars("00:00", w3(), day=DAY)
    shift = eastern(at, DAY) - feed[-1].close_ns
    alone = Independent([built], "15:59")
    found = [alone.step(s) for s in sessions([msgspec.structs.replace(b, close_ns=b.close_ns + shift) for b in feed])]

    assert built.bands.bars == bars_counted
    assert found[-1] == [] or at == "09:32"


def test_the_same_bounce_inside_regular_hours_is_one_with_either_anchor() -> None:
    """All thirty bars come after 09:30."""
    assert told(w3(), session_reset="09:30") == told(w3())


@given(
    st.lists(st.tuples(st.integers(-8, 8), st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), min_size=20, max_size=150),
    st.integers(0, 150),
)
def test_a_prefix_of_the_bars_gives_a_prefix_of_the_signals(steps: list[tuple[int, int, int, int]], cut: int) -> None:
    """No look-ahead, and a bar that comes twice is one bar."""
    close, rows = 20_000, []
    for up, above, below, volume in steps:
        opened, close = close, close + up
        rows.append((opened / 4, (max(opened, close) + above) / 4, (min(opened, close) - below) / 4, close / 4, volume * 100))
    known = sessions(bars("03:00", rows, day=DAY))
    eager = {"band_entry": 1.0, "use_rsi": False, "use_volume": False}
    whole, part = [], []
    for chosen, found in ((known, whole), ([s for s in known[:cut] for _ in range(2)], part)):
        alone = Independent([strategy("vwap_bounce", CLOUD, **eager)], "15:59")
        seen: set[int] = set()
        for s in chosen:
            proposals = alone.step(s)
            found += [(s.minute, each) for each in proposals if s.minute not in seen]
            seen.add(s.minute)

    assert part == [each for each in whole if each[0] < 180 + cut]


# --- exits (playbook 9.4) ----------------------------------------------------------------------------------------------------


def managed(
    at: str, close: float, preset: str = ITER3, *, day: str = DAY, half_day: bool = False, short: bool = False, **position: Any
) -> Exit | Move | None:
    """Its exit request for a long (or short) position from 5795 with the stop 11 ticks and the target 46 ticks away."""
    built = strategy("vwap_bounce", preset)
    assert isinstance(built, VwapBounce)
    sign = -1 if short else 1
    stop, target = 5795.0 - sign * 2.75, 5795.0 + sign * 11.5
    taken = Proposal(
        strategy=built.name, setup=built.setups[short], direction="LONG", entry=5795.0, stop=stop, target=target, reason=""
    )
    row = (close, close, close, close)
    (s,) = sessions(bars(at, [row], day=day), Calendar(half_days={day: "13:00"} if half_day else {}))
    built.start(s.session)
    built.consume(taken)
    held = {"qty": 3 * sign, "price": 5795.0, "entry_id": "IN", "stop": stop, "target": target, **position}
    return built.manage(s, Position("Replay", **held))


@pytest.mark.parametrize("preset", [CLOUD, ITER3])
@pytest.mark.parametrize(
    ("at", "day", "half_day", "expected"),
    [
        ("14:59", DAY, False, None),
        ("16:45", DAY, False, Exit("FLATTEN")),
        ("17:00", DAY, False, Exit("FLATTEN")),
        ("18:00", DAY, False, Exit("FLATTEN")),
        ("18:01", DAY, False, None),
        ("03:00", DAY, False, None),
        ("16:45", FRIDAY, False, Exit("FLATTEN")),
        ("12:44", DAY, True, None),
        ("12:45", DAY, True, Exit("FLATTEN")),
    ],
)
def test_a_position_is_closed_before_the_session_ends(
    at: str, day: str, half_day: bool, expected: Exit | None, preset: str
) -> None:
    """In both presets, whatever it has won or lost."""
    assert managed(at, 5795.0, preset, day=day, half_day=half_day) == expected


@pytest.mark.parametrize(
    ("at", "day", "close", "preset", "expected"),
    [
        ("13:59", FRIDAY, 5795.25, ITER3, None),
        ("14:00", FRIDAY, 5795.25, ITER3, Exit("FRIDAY_PROFIT")),
        ("14:00", FRIDAY, 5795.0, ITER3, None),
        ("14:00", DAY, 5795.25, ITER3, None),
        ("14:00", FRIDAY, 5795.25, CLOUD, None),  # this preset has no such exit
        ("18:30", DAY, 5795.25, ITER3, None),  # Friday's session, but Thursday evening
    ],
)
def test_friday_takes_any_profit_from_two_on(at: str, day: str, close: float, preset: str, expected: Exit | None) -> None:
    """Profit at the bar's close, before costs."""
    assert managed(at, close, preset, day=day) == expected


@pytest.mark.parametrize(
    ("at", "short", "target", "expected"),
    [
        ("14:59", False, 5806.5, None),
        ("15:00", False, 5806.5, Move("TIGHTEN", target=5797.75)),
        ("15:00", True, 5783.5, Move("TIGHTEN", target=5792.25)),
        ("15:01", False, 5797.75, None),  # done
        ("15:01", False, 5797.0, None),  # nearer already
        ("15:00", False, None, Move("TIGHTEN", target=5797.75)),
    ],
)
def test_after_three_the_target_is_one_stop_distance_away(
    at: str, short: bool, target: float | None, expected: Move | None
) -> None:
    """Of the stop as it was at the entry: 11 ticks."""
    assert managed(at, 5795.0, short=short, target=target) == expected


@pytest.mark.parametrize(
    ("close", "stop", "expected"),
    [
        (5797.0, 5792.25, None),  # 8 ticks
        (5797.25, 5792.25, Move("BREAKEVEN", stop=5795.25)),
        (5802.0, 5792.25, Move("BREAKEVEN", stop=5795.25)),  # breakeven first
        (5798.75, 5795.25, None),  # 15 ticks
        (5799.0, 5795.25, Move("TRAIL", stop=5796.5)),
        (5797.25, 5796.5, None),
        (5797.25, None, None),
    ],
)
@pytest.mark.parametrize("short", [False, True])
def test_the_stop_goes_to_breakeven_and_then_follows_the_close(
    close: float, stop: float | None, expected: Move | None, short: bool
) -> None:
    """From 9 ticks of profit to the entry and one tick; from 16 at a distance of 10."""
    if short:
        close = 11_590.0 - close
        stop = None if stop is None else 11_590.0 - stop
        expected = None if expected is None or expected.stop is None else Move(expected.reason, stop=11_590.0 - expected.stop)

    assert managed("10:00", close, short=short, stop=stop) == expected
    assert managed("10:00", close, CLOUD, short=short, stop=stop) is None


# --- in a backtest ----------------------------------------------------------------------------------------------------------------


def test_a_bounce_enters_at_the_next_open_and_its_bracket_does_the_rest() -> None:
    """At the market, five contracts, a tick of slippage on each side; the target pays 5799.00 less a tick."""
    rows = [*w3(), (5795.0, 5796.0, 5794.5, 5795.5), (5795.5, 5799.0, 5795.25, 5798.75)]
    said = backtest(settings(CLOUD), warmed("02:00", rows))

    assert [(fill.role, fill.qty, fill.price) for fill in bodies(said, Fill)] == [("ENTRY", 5, 5795.25), ("TARGET", -5, 5798.75)]
    assert [(trade.reason, trade.gross_cents) for trade in bodies(said, Trade)] == [("TARGET", 87_500)]


def test_a_position_of_the_evening_is_flat_before_five() -> None:
    """Opened at 16:30, neither stopped nor at its target, closed by the clock at 16:45."""
    rows = [*w3(), *[(5795.0, 5796.0, 5794.5, 5795.5)] * 40]
    said = backtest(settings(CLOUD), warmed("16:01", rows))
    (trade,) = bodies(said, Trade)

    assert (trade.reason, trade.exit_ns) == ("FLATTEN", eastern("16:46", DAY))
    assert not [signal for signal in bodies(said, Signal) if signal.bar_ns > trade.exit_ns]


def test_iter3_moves_its_resting_stop() -> None:
    """Breakeven at 9 ticks, then a trail: two moves, and the stop that ends it is the second."""
    conf = settings(ITER3)
    table = {"vwap_bounce": {**conf.preset.parameters["vwap_bounce"], **ONE_MINUTE}}
    conf = msgspec.structs.replace(conf, preset=msgspec.structs.replace(conf.preset, parameters=table))
    up = [(5795.0, 5797.5, 5795.0, 5797.5), (5797.5, 5799.5, 5797.0, 5799.5), (5799.5, 5799.5, 5796.0, 5796.5)]
    said = backtest(conf, warmed("02:00", [*w3(), *up]))

    assert [(s.action, s.reason, s.stop) for s in bodies(said, Signal)[1:]] == [
        (Action.MOVE_STOP, "BREAKEVEN", 5795.5),
        (Action.MOVE_STOP, "TRAIL", 5797.0),
    ]
    assert [(trade.reason, trade.exit_price) for trade in bodies(said, Trade)] == [("STOP", 5796.75)]


def test_a_refused_setup_is_in_the_journal() -> None:
    """With its reason, so that a missing signal can be explained."""
    said = backtest(settings(CLOUD), warmed("02:00", w3(5795.5)))

    fact = bodies(said, Suppressed)[-1]
    assert (fact.strategy, fact.setup, fact.reason) == ("VWAP Bounce", "VWAP_BOUNCE_LONG", "RSI")
    assert bodies(said, Signal) == []


# --- parameters -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({}, r"tick_size"),
        ({"tick_size": 0.25}, r"write band_3 as well"),
        ({"tick_size": 0.25, "target_r": 2.0, "stop_beyond_band_3_ticks": 2}, r"write band_3 as well"),
        ({"tick_size": 0.25, "target_r": 2.0, "trail_start": 16}, r"trail_start needs breakeven_ticks"),
        ({"tick_size": 0.0, "target_r": 2.0}, r"tick_size = 0.0: write more than 0"),
        ({"tick_size": 0.25, "target_r": 2.0, "confidence": 1.5}, r"confidence = 1.5: write 0 to 1"),
        ({"tick_size": 0.25, "target_r": 2.0, "flatten": "4:45"}, r"flatten"),
        ({"tick_size": 0.25, "target_r": 2.0, "rsi_perod": 9}, r"did you mean 'rsi_period'"),
    ],
)
def test_a_wrong_parameter_is_named_with_a_remedy(table: dict[str, Any], says: str) -> None:
    """No value is guessed, the tick least of all."""
    with pytest.raises(ConfError, match=says):
        registry.build(["vwap_bounce"], {"vwap_bounce": table}, "edge")


def test_it_does_not_count_in_the_ticks_of_another_instrument() -> None:
    """YM ticks a whole point: the preset for ES is refused, with the number to set."""
    with pytest.raises(ConfError, match=r"VWAP Bounce: tick_size = 0.25, but YM ticks 1.0; set tick_size = 1.0"):
        settings(CLOUD, "YM")
