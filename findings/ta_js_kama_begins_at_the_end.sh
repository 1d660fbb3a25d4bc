#!/usr/bin/env bash
# ta.js 1.17.0: Kaufman's moving average begins with the mean of the last bars of the data, and is no number once the market stands still.
#
# Versions: ta.js 1.17.0, Node 20.
#
# Behaviour: KAMA starts from an earlier price or mean and moves by the square of a smoothing constant, ER * (fast - slow) + slow. Here the
# start is the newest value of the simple average over all data, not the oldest: each number of the series depends on bars that come
# after it, and each new bar changes the whole past. A backtest on it sees the future. The constant is worked out with a
# bracket in the wrong place, so that `slow` falls out (ER * fast) and a market without direction moves the average not at all. After ten
# equal closes the efficiency ratio is zero by zero, and everything from there on is NaN, also when the market moves again.
#
# Output seen:
#   100, 101 .. 112: begins at 107.5 (104.5 is the mean of the first ten); with another last bar: begins at 146.3
#   twelve closes at 100, then 101, 102: 100.3 NaN NaN NaN
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" ta.js@1.17.0 > /dev/null 2>&1
cat > try.js <<'JS'
const ta = require("ta.js");

const rising = Array.from({ length: 13 }, (_, bar) => 100 + bar);
const otherEnd = [...rising.slice(0, -1), 500];
const begins = (closes) => ta.kama([...closes], 10, 2, 30)[0];
const mean = rising.slice(0, 10).reduce((sum, close) => sum + close, 0) / 10;
const still = ta.kama([...Array(12).fill(100), 101, 102], 10, 2, 30);
console.log(
  `100, 101 .. 112: begins at ${begins(rising)} (${mean} is the mean of the first ten); with another last bar: begins at ${begins(otherEnd)}`,
);
console.log(`twelve closes at 100, then 101, 102: ${still.join(" ")}`);
const looksAhead = begins(rising) === 107.5 && begins(otherEnd) === 146.3;
process.exit(looksAhead && still.slice(1).every(Number.isNaN) ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
