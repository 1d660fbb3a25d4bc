#!/usr/bin/env bash
# basana 1.11: a stop-limit order that is triggered below its limit does not buy there; it waits until the market trades at the limit itself.
#
# Versions: basana 1.11, CPython 3.11, Linux x86-64.
#
# Behaviour: a buy stop at 105 with a limit of 107 is, once 105 has traded, an order to buy at 107 or better, and the market is better. The
# backtest fills it in that bar only if the bar reaches 107, at 107. A bar that rises from 100 to 106 triggers it and fills nothing; the next bar
# opens above the limit, so the entry never happens. A limit below the stop is wrong the other way: in a bar that rises from 100 to 106
# it is filled at 103, on the way up, before the stop that has to come first. Shorts mirror both.
#
# Output seen (minutes 14:31 from 100 to 106, 14:32 from 112 to 114):
#   stop 105, limit 107: open, no fill
#   stop 105, limit 103: filled at 103 in 14:31
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'basana==1.11'
cat > "$folder/try.py" <<'PY'
import asyncio
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import basana
from basana.backtesting import exchange

PAIR, MINUTE = basana.Pair("NQ", "USD"), timedelta(minutes=1)


def bar(minute: int, *prices: int) -> basana.BarEvent:
    """prices: open, high, low, close."""
    begin = datetime(2026, 1, 5, 14, minute, tzinfo=UTC)
    return basana.BarEvent(begin + MINUTE, basana.Bar(begin, PAIR, *map(Decimal, prices), Decimal(1000), MINUTE))


async def bought(stop: int, limit: int) -> str:
    dispatcher = basana.backtesting_dispatcher()
    venue = exchange.Exchange(dispatcher, {"USD": Decimal(10_000)})
    venue.add_bar_source(
        basana.FifoQueueEventSource(events=[bar(30, 100, 100, 100, 100), bar(31, 100, 106, 100, 106), bar(32, 112, 115, 111, 114)])
    )
    orders: list[str] = []

    async def after_the_first_bar(event: basana.BarEvent) -> None:
        if not orders:
            order = await venue.create_stop_limit_order(basana.OrderOperation.BUY, PAIR, Decimal(1), Decimal(stop), Decimal(limit))
            orders.append(order.id)

    venue.subscribe_to_bar_events(PAIR, after_the_first_bar)
    await dispatcher.run()
    order = await venue.get_order_info(orders[0])
    return " ".join(f"filled at {fill.price} in {fill.when:%H:%M}" for fill in order.fills) or "open, no fill"


above, below = asyncio.run(bought(105, 107)), asyncio.run(bought(105, 103))
print(f"stop 105, limit 107: {above}")
print(f"stop 105, limit 103: {below}")
sys.exit(0 if (above, below) == ("open, no fill", "filled at 103 in 14:31") else 1)
PY
timeout 60 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
