#!/usr/bin/env bash
# lib-pybroker 2.0.2 fills a stop that the market jumped over at the best price of the bar: a long's at the high, a short's at the low.
#
# Versions: lib-pybroker 2.0.2, pandas 2.3.3, numpy 2.3.5, numba 0.64.0, CPython 3.11, Linux x86-64.
#
# Behaviour: a stop loss is documented by its distance from the entry price; neither the reference nor the guide to stops says what it fills
# at when a bar begins beyond it. There it is a market order, and the open is the first price there is. Here a long's stop fills at the
# stop, or at the bar's high if the whole bar is below it: a bar that opens 10 points through the stop and comes back to 1 point under it
# costs 1 point more than the stop instead of 10. `stop_loss_exit_price=PriceType.OPEN` gives the open, but then the open alone decides on
# the touch too, and what is touched inside a bar is overlooked. The short is the mirror image.
#
# Output seen (bought at 100, stop 5 points; then a bar of open 85, high 94, low 80, close 90):
#   the long's stop at 95 is filled at 94, the open was 85
#   the short's stop at 105 is filled at 106, the open was 115
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'lib-pybroker==2.0.2' 'pandas==2.3.3' 'numpy==2.3.5' 'numba==0.64.0'
cat > "$folder/try.py" <<'PY'
import sys

import pandas
import pybroker
from pybroker import ExecContext, Strategy, StrategyConfig

pybroker.disable_logging()
pybroker.disable_progress_bar()
DAYS = pandas.bdate_range("2026-01-05", periods=5)


def exit_price(sign: int) -> float:
    """The price at which the stop is filled, of a long (1) or a short (-1): the same bars upside down."""
    bars = [(100, 101, 99, 100), (100, 101, 99, 100), (100, 101, 99, 100), (85, 94, 80, 90), (90, 91, 89, 90)]
    turned = [tuple(100 + sign * (price - 100) for price in bar) for bar in bars]
    rows = [(open, max(high, low), min(high, low), close) for open, high, low, close in turned]
    frame = pandas.DataFrame(rows, columns=["open", "high", "low", "close"]).astype(float)
    frame = frame.assign(symbol="FUT", date=DAYS, volume=1000.0)

    def enter(context: ExecContext) -> None:
        if context.bars == 1:
            context.stop_loss = 5
            if sign > 0:
                context.buy_shares = 1
            else:
                context.sell_shares = 1

    strategy = Strategy(frame, DAYS[0], DAYS[-1], StrategyConfig(initial_cash=100_000))
    strategy.add_execution(enter, ["FUT"])
    trade = strategy.backtest().trades.iloc[0]
    assert trade["stop"] == "loss", trade
    return float(trade["exit"])


long, short = exit_price(1), exit_price(-1)
print(f"the long's stop at 95 is filled at {long:g}, the open was 85")
print(f"the short's stop at 105 is filled at {short:g}, the open was 115")
sys.exit(0 if (long, short) == (94, 106) else 1)
PY
timeout 300 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
