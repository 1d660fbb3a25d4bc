#!/usr/bin/env bash
# grademark 0.3.0 enters at the open of the bar that later reaches the entry price: a breakout is bought before it happens.
#
# Versions: grademark 0.3.0, data-forge 1.10.4, chai 4.5.0, Node 20.
#
# Behaviour: `enterPosition({entryPrice: 105})` is documented as the price to open a position at, once the high rises through it, and the
# readme calls it intrabar. The bar's high decides whether the position is opened, and the bar's open is what is paid. So a long is
# filled below its price in every bar that did not open there, and the backtest earns the way from the open to the breakout, which nobody
# knew at the open. Here the breakout is lost: bought at 105 and left at the close of 102 it costs 3, and the backtest reports a gain of 2.
# A short is the same the other way round. The distance of a stop is taken from that open as well.
#
# Output seen:
#   entry asked 105, in a bar of open 100 and high 106: filled at 100, left at 102 with 2 where -3 was to be had
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" \
    grademark@0.3.0 data-forge@1.10.4 chai@4.5.0 > /dev/null 2>&1
cat > try.js <<'JS'
const { DataFrame } = require("data-forge");
const { backtest } = require("grademark");

const bar = (minute, open, high, low, close) => ({ time: new Date(2026, 0, 5, 9, minute), open, high, low, close, volume: 10 });
const bars = new DataFrame([bar(30, 100, 101, 99, 100), bar(31, 100, 106, 99, 102)]);
const [trade] = backtest({ entryRule: (enterPosition) => enterPosition({ entryPrice: 105 }) }, bars);
const { entryPrice, exitPrice, profit } = trade;
console.log(`entry asked 105, in a bar of open 100 and high 106: filled at ${entryPrice}, left at ${exitPrice} with ${profit} where -3 was to be had`);
process.exit(entryPrice === 100 && exitPrice === 102 && profit === 2 ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
