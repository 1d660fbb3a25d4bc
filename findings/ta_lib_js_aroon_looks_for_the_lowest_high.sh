#!/usr/bin/env bash
# ta-lib 0.11.0 of npm: Aroon up is counted from the lowest high, the money flow knows one bar's volume, and the newest gap has no range.
#
# Versions: ta-lib 0.11.0 (npm; csupnig, not TA-Lib itself), Node 20.
#
# Behaviour: arrays are newest first. AROON takes the minimum of the highs for its upper line, so that a market that rises on each bar has both
# lines at 10, and one that falls on each bar both at 100: the two never tell one from the other. MFI multiplies each bar's price with
# the volume of the oldest bar, which then cancels out: the index is the same whatever was traded when. PERCPRICEOSC takes three lengths
# and uses 12, 26 and 9. TRUERANGE leaves the newest bar without its gap, the one that is asked for; the same gap is in the range one bar
# later. Nothing is raised by any of them, and the readme describes none.
#
# Output seen:
#   ten rising bars: up 10, down 10; ten falling bars: up 100, down 100
#   MFI with the volume on the rising bars: 55.56; on the falling bars: 55.56
#   PPO of 3, 5, 2: 8.00; of 12, 26, 9: 8.00; true range of a gap of ten: newest bar 2, a bar later 11
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" ta-lib@0.11.0 > /dev/null 2>&1
cat > try.js <<'JS'
const talib = require("ta-lib");

const rising = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]; // newest first
const falling = [...rising].reverse();
const aroon = (highs) => talib.AROON(highs, highs.map((high) => high - 1), 10);
const [up, down] = [aroon(rising), aroon(falling)];
console.log(`ten rising bars: up ${up.up}, down ${up.down}; ten falling bars: up ${down.up}, down ${down.down}`);

const prices = [5, 4, 5, 4, 5]; // the newest and every second one rose
const flow = (volumes) => talib.MFI(prices, prices, prices, volumes, 5).toFixed(2);
const flows = [flow([1000, 1, 1000, 1, 10]), flow([1, 1000, 1, 1000, 10])];
console.log(`MFI with the volume on the rising bars: ${flows[0]}; on the falling bars: ${flows[1]}`);

const closes = Array.from({ length: 60 }, (_, bar) => 100 - bar);
const ppo = (...lengths) => talib.PERCPRICEOSC(closes, ...lengths).ppo[0].toFixed(2);
const oscillators = [ppo(3, 5, 2), ppo(12, 26, 9)];
const range = (middles) => talib.TRUERANGE(middles.map((each) => each + 1), middles.map((each) => each - 1), middles);
const ranges = [range([90, 100, 100])[0], range([90, 90, 100, 100])[1]];
console.log(
  `PPO of 3, 5, 2: ${oscillators[0]}; of 12, 26, 9: ${oscillators[1]}; ` +
    `true range of a gap of ten: newest bar ${ranges[0]}, a bar later ${ranges[1]}`,
);
const lines = up.up === 10 && up.down === 10 && down.up === 100 && down.down === 100;
process.exit(lines && flows[0] === flows[1] && oscillators[0] === oscillators[1] && ranges.join() === "2,11" ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
