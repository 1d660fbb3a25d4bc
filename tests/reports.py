"""Reports of runs that nobody has to run: sessions of candles, trades of two strategies, as many as a test wants."""

from __future__ import annotations

import datetime as dt
from random import Random

from tapewire.bus.messages import Action, Quality, Reason, Reject, Signal, Trade
from tapewire.replay import outputs
from tapewire.replay.attendance import SessionCount
from tapewire.replay.days.files import Performance
from tapewire.replay.days.sums import of_trades
from tapewire.replay.excursion import Measures
from tapewire.replay.report import facts
from tapewire.replay.report.facts import DrawnSession, Edges, Facts, Minute, PriceBar
from tapewire.strategies.clock import NEW_YORK, SECOND_NS
from tests.runs import conf

CONF = conf()
FIRST = dt.date(2025, 1, 6)
EXITS = ("TARGET", "STOP", "TIME", "VWAP_CROSS")


def moment(day: dt.date, minute: int) -> int:
    """A minute of a date, counted from midnight in New York."""
    return int(dt.datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=NEW_YORK).timestamp()) * SECOND_NS


def dates(count: int, first: dt.date = FIRST) -> list[dt.date]:
    """So many weekdays."""
    found = (first + dt.timedelta(at) for at in range(count * 2 + 7))
    return [day for day in found if day.weekday() < 5][:count]


def drawn(day: dt.date, seed: int, holdings: tuple[facts.Holding, ...] = ()) -> DrawnSession:
    """A session of 390 candles."""
    lots = Random(seed)
    price, minutes = 21_000.0 + lots.randrange(-200, 200), []
    high = low = price
    for minute in range(571, 961):
        close = price + lots.randrange(-24, 25) / 4
        top, floor = max(price, close) + lots.randrange(9) / 4, min(price, close) - lots.randrange(9) / 4
        if minute <= 630:
            high, low = max(high, top), min(low, floor)
        minutes.append(
            Minute(
                bar=PriceBar(moment(day, minute), price, top, floor, close, lots.randrange(200, 4_000)),
                session=day.isoformat(),
                minute=minute,
                rth=True,
                closes=960,
                vwap=(high + low + close) / 3,
                ib=Edges(high, low, valid=minute > 630),
                day_type_edge="none" if minute <= 630 else "p_day" if minute < 700 else "trend_up",
                widest="trend_up",
            )
        )
        price = close
    return facts.drawn(CONF, "MNQ", day.isoformat(), minutes, holdings)


def ticks(lots: Random, spread: float) -> float:
    return round(abs(lots.gauss(0, spread)) * 4) / 4


def entered(day: dt.date, number: int, minute: int, price: float, lots: Random) -> tuple[Signal, Trade, Measures]:
    """A trade of a few minutes from a price on, with the signal that entered it and its measures."""
    name = ("Edge Fade", "Trend Day Bull")[number % 2]
    long = lots.random() < 0.6
    direction = "LONG" if long else "SHORT"
    net = round(lots.gauss(120, 4_000)) + (5_000 if number % 997 == 0 else 0)
    stop, target = (price - 20.0, price + 30.0) if long else (price + 20.0, price - 30.0)
    order = f"MNQ-{day:%Y%m%d}-{minute}-{number}"
    held = lots.randrange(2, 20)
    signal = Signal(
        id=f"s-{order}",
        order_id=order,
        instrument="MNQ",
        session=day.isoformat(),
        bar_ns=moment(day, minute),
        action=Action.ENTER_LONG if long else Action.ENTER_SHORT,
        strategy=name,
        setup="EDGE_TO_MID",
        direction=direction,
        size=1,
        reason=f"low in the IB at {price:,.2f}, delta {lots.randrange(100, 900)}",
        valid_until_ns=moment(day, minute + 1),
        entry=price,
        stop=stop,
        target=target,
        day_type=("p_day", "trend_up", "none")[number % 3],
        quality=Quality(),
    )
    trade = Trade(
        id=order,
        instrument="MNQ",
        account="Replay",
        session=day.isoformat(),
        strategy=name,
        setup="EDGE_TO_MID",
        direction=direction,
        size=1,
        signal_ns=moment(day, minute),
        entry_ns=moment(day, minute + 1),
        entry_price=price,
        exit_ns=moment(day, min(minute + held, 960)),
        exit_price=price + round(net / 50) / 4 * (1 if long else -1),
        reason=EXITS[number % 4],
        bars_held=held,
        stop=stop,
        target=target,
        gross_cents=net + 124,
        commission_cents=124,
        net_cents=net,
    )
    measures = Measures(ticks(lots, 12), max(0.0, round(net / 50) / 4) + ticks(lots, 8), round(net / 4_000, 4))
    return signal, trade, measures


def facts_of(trades: int, sessions: int, *, seed: int = 1, idle: int = 0, undrawn: int = 0, name: str = "seed") -> Facts:
    """So many trades, spread over all but the last `idle` sessions; sessions are drawn but the last `undrawn` that traded."""
    lots = Random(seed)
    days = dates(sessions)
    busy = days[: sessions - idle]
    found = []
    closes = [[minute.bar.close for minute in drawn(day, at).minutes] for at, day in enumerate(busy)]
    for number in range(trades):
        share = number / trades * len(busy)
        minute = 575 + int(share % 1 * 370)
        found.append(entered(busy[int(share)], number, minute, closes[int(share)][minute - 570], lots))
    found.sort(key=lambda each: each[1].exit_ns)
    signals, made = [each[0] for each in found], [each[1] for each in found]
    measures = {trade.id: each for _, trade, each in found}
    rejects = [
        Reject(
            "r",
            "MNQ",
            FIRST.isoformat(),
            moment(FIRST, 800),
            Action.ENTER_LONG,
            "Edge Fade",
            "X",
            "LONG",
            Reason.MAX_TRADES,
            "",
            1.0,
        )
    ]
    counts = tuple(SessionCount("MNQ", day.isoformat(), 390, 0, "390 RTH bars, none missing") for day in days)
    traded = busy[: len(busy) - undrawn]
    held = facts.holdings(made, signals)
    pictures = [drawn(day, at, held.get((day.isoformat(), "MNQ"), ())) for at, day in enumerate([*traded, *days[len(busy) :]])]
    summary = outputs.summary(CONF, counts, 390 * sessions, signals, rejects, made, 1_234.5)
    return facts.of(summary, made, signals, rejects, measures, pictures, capital=50_000.0, undrawn=undrawn)


def performances(trades: int = 60, sessions: int = 10) -> list[Performance]:
    """The days of a month, the last one still open."""
    found = facts_of(trades, sessions, idle=1)
    days = []
    for count in found.summary.sessions:
        own = [each.trade for each in found.trades if each.trade.session == count.session]
        sums = of_trades(own, f"{dt.date.fromisoformat(count.session):%A}")
        closed = count is not found.summary.sessions[-1]
        days.append(Performance(count.session, closed, {"MNQ": 390}, (count,), len(own), len(own), {}, sums.shown(), sums))
    return days
