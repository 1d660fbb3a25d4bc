#!/usr/bin/env bash
# candlestick-convert 7.0.0: a bar made of trades opens at the bar before's close, outside its own range, and the trades are changed.
#
# Versions: candlestick-convert 7.0.0, Node 20.
#
# Behaviour: batchTicksToCandle gives every bar but the first the last price of the bar before for its open, while high and low are of its own
# trades. Nobody traded at that open in that minute; behind a gap it is below the low or above the high. A backtest that enters at the
# open buys at a price of the session before, and a stop inside the gap is not jumped over. The documentation says nothing of it. The
# function also rounds the `time` of the trades that it is given down to the bar, in place: whoever makes bars of five minutes and then of
# one from the same array gets one bar for each five minutes, under the name of a minute.
#
# Output seen (trades 100 in the first minute, 105 and 106 in the second):
#   second bar: open 100, high 106, low 105, close 106
#   bars of one minute: 2; bars of one minute after bars of five: 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" candlestick-convert@7.0.0 > /dev/null 2>&1
cat > try.js <<'JS'
const { batchTicksToCandle } = require("candlestick-convert");

const START = Date.UTC(2026, 0, 5, 14, 30);
const trades = () => [[0, 100], [60, 105], [90, 106]].map(([second, price]) => ({ time: START + second * 1000, price, quantity: 1 }));
const [, { open, high, low, close }] = batchTicksToCandle(trades(), 60, true);
const again = trades();
batchTicksToCandle(again, 300, true);
const fresh = batchTicksToCandle(trades(), 60, true).length, after = batchTicksToCandle(again, 60, true).length;
console.log(`second bar: open ${open}, high ${high}, low ${low}, close ${close}`);
console.log(`bars of one minute: ${fresh}; bars of one minute after bars of five: ${after}`);
process.exit(open === 100 && low === 105 && high === 106 && fresh === 2 && after === 1 ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
