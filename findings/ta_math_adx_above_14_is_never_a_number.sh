#!/usr/bin/env bash
# ta-math 1.0.49: the ADX of any length above its default of 14 is NaN from the first bar to the last.
#
# Versions: ta-math 1.0.49, Node 20.
#
# Behaviour: `adx(window)` leaves the first 14 values out of its last smoothing, whatever the window is. With 15 or more, some of what it
# smooths is not a number yet, and an exponential average never forgets that, so no value ever comes: `adx > 25` is false for ever and
# nothing is raised. With 7 the values come, seven bars late. The two direction lines of the same answer are right. Its `ema`, behind
# MACD and Keltner channels too, starts bar 0 at the mean of the whole first window, so the first values know bars that are to come.
#
# Output seen (200 bars):
#   first ADX for 7: bar 14; 14: bar 14; 15: never; 20: never; first DI+ for 20: bar 20
#   ema(4) of 100 100 200 200: 150 at bar 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" ta-math@1.0.49 > /dev/null 2>&1
cat > try.js <<'JS'
const TA = require("ta-math");

const bars = Array.from({ length: 200 }, (_, bar) => {
  const middle = 100 + 5 * Math.sin(bar / 7) + bar / 10;
  return [bar, middle, middle + 1, middle - 1, middle + 0.3, 10]; // time, open, high, low, close, volume
});
const first = (values) => values.findIndex((value) => !Number.isNaN(value));
const named = (bar) => (bar < 0 ? "never" : `bar ${bar}`);
const windows = [7, 14, 15, 20];
const seen = windows.map((window) => first(new TA(bars).adx(window).adx));
const plus = first(new TA(bars).adx(20).dip);
console.log(`first ADX for ${windows.map((window, at) => `${window}: ${named(seen[at])}`).join("; ")}; first DI+ for 20: ${named(plus)}`);
const ema = new TA([100, 100, 200, 200].map((close, bar) => [bar, close, close, close, close, 1])).ema(4);
console.log(`ema(4) of 100 100 200 200: ${ema[0]} at bar 0`);
process.exit(seen.join() === "14,14,-1,-1" && plus === 20 && ema[0] === 150 ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
