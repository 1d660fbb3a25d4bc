#!/usr/bin/env bash
# ta.js 1.17.0: the true range counts a gap up and not a gap down, so the average true range of a crash is that of a quiet day.
#
# Versions: ta.js 1.17.0, Node 20.
#
# Behaviour: Wilder's true range is the largest of high - low and the two distances of high and low from the close before. The distance
# of the low is taken with its sign, so below the close before it is negative and never the largest. A market that opens ten points
# lower and trades two has a range of two; ten points higher it has eleven. A stop or a size made of this ATR is far too tight after
# exactly the gaps that hurt a long position. `halftrend`, `supertrend` and `keltner` build on it.
#
# Output seen (each bar two points high, a gap of ten points before the third; length 2):
#   gap up: 2 2 6.5 4.25; gap down: 2 2 2 2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" ta.js@1.17.0 > /dev/null 2>&1
cat > try.js <<'JS'
const ta = require("ta.js");

const bars = (middles) => middles.map((middle) => [middle + 1, middle, middle - 1]); // high, close, low
const up = ta.atr(bars([100, 100, 110, 110]), 2);
const down = ta.atr(bars([100, 100, 90, 90]), 2);
console.log(`gap up: ${up.join(" ")}; gap down: ${down.join(" ")}`);
process.exit(up.join() === "2,2,6.5,4.25" && down.join() === "2,2,2,2" ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
