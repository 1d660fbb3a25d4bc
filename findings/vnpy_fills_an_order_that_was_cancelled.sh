#!/usr/bin/env bash
# vnpy_ctastrategy 1.4.1 fills orders in a backtest that the strategy has cancelled: the other side of a breakout trades as well.
#
# Versions: vnpy_ctastrategy 1.4.1, vnpy 4.5.0, ta-lib 0.8.2, numpy 2.3.5, pandas 2.3.3, CPython 3.11, Linux x86-64.
#
# Behaviour: the engine goes through the orders that were active when the bar came. An order that is cancelled on the way, in on_trade of
# the first fill, gets the status "cancelled", on_stop_order says so, and then it is its turn: it is filled all the same, without a second
# look at its status. So of a buy stop above and a sell stop below, one cancelling the other, a bar that reaches both fills both: the
# position is flat again, 4 points are lost, and the stop order's last status is "triggered". With limit orders on both sides it is the
# same. A limit and a stop are looked at one after the other, so a target that cancels its stop does work.
#
# Output seen (buy stop 102, sell stop 98, cancel_all() in on_trade; one bar from 97 to 103):
#   the other order: cancelled, then triggered
#   fills: LONG 102, SHORT 98; position 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'ta-lib==0.8.2' 'numpy==2.3.5' 'pandas==2.3.3' 'plotly==7.1.0' \
    'tzlocal==5.4.5' 'deap==1.4.4' 'loguru==0.7.3' 'tqdm==4.70.1' 'requests==2.34.2' 'qrcode==8.2'
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps 'vnpy==4.5.0' 'vnpy_ctastrategy==1.4.1'
cat > "$folder/try.py" <<'PY'
import sys
from datetime import datetime, timedelta

from vnpy.trader.constant import Exchange, Interval
from vnpy.trader.object import BarData, TradeData
from vnpy_ctastrategy import CtaTemplate, StopOrder
from vnpy_ctastrategy.backtesting import BacktestingEngine

START = datetime(2026, 1, 5, 9, 30)


class Breakout(CtaTemplate):
    """A buy stop above and a sell stop below; what fills first cancels the other."""

    told: list[str] = []

    def on_init(self) -> None: ...

    def on_start(self) -> None: ...

    def on_stop(self) -> None: ...

    def on_bar(self, bar: BarData) -> None:
        if bar.datetime == START:
            self.buy(102, 1, stop=True)
            self.short(98, 1, stop=True)

    def on_trade(self, trade: TradeData) -> None:
        self.cancel_all()

    def on_stop_order(self, stop_order: StopOrder) -> None:
        self.told.append(f"{stop_order.stop_orderid} {stop_order.status.name.lower()}")


def bar(minute: int, low: float, high: float) -> BarData:
    prices = {"open_price": 100, "high_price": high, "low_price": low, "close_price": 100, "volume": 1}
    return BarData("BACKTESTING", "FUT", Exchange.CME, START + timedelta(minutes=minute), Interval.MINUTE, **prices)


engine = BacktestingEngine()
engine.output = lambda text: None
engine.set_parameters("FUT.CME", Interval.MINUTE, START, rate=0, slippage=0, size=1, pricetick=0.25, capital=100_000)
engine.add_strategy(Breakout, {})
engine.history_data = [bar(0, 100, 100), bar(1, 97, 103), bar(2, 100, 100)]
engine.run_backtesting()
other = [each.split()[1] for each in Breakout.told if each.startswith("STOP.2")]
fills = [(trade.direction.name, trade.price) for trade in engine.get_all_trades()]
print(f"the other order: {', then '.join(other)}")
print(f"fills: {', '.join(f'{side} {price:g}' for side, price in fills)}; position {engine.strategy.pos:g}")
sys.exit(0 if other == ["cancelled", "triggered"] and fills == [("LONG", 102), ("SHORT", 98)] else 1)
PY
cd "$folder"
timeout 300 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
