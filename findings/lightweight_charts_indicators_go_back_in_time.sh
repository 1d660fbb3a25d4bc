#!/usr/bin/env bash
# lightweight-charts-indicators 0.4.2: DoubleMACD's divergence series go back in time, which the chart that they are made for does not take.
#
# Versions: lightweight-charts-indicators 0.4.2, oakscriptjs 0.3.0, Node 20.
#
# Behaviour: a series of lightweight-charts has to be sorted by time, each time once, and the readme of the package hands each plot straight
# to setData. A divergence is known two bars after its peak; at that bar the series gets a point with the time of the peak instead of its
# own. So the peak's time is in the series twice, first without a value, the bar at which it was known is not in it at all, and the times
# go back at each divergence. The four other series of the same call have each bar once, as have all series of the other indicators of
# the package over such bars. The chart's documentation wants ordered data; its development build raises for any other.
#
# Output seen (400 bars of a minute, two waves on a slope):
#   macd1Line: 400 points, 400 times, 0 steps back
#   divBear: 400 points, 394 times, 6 steps back
#   divBull: 400 points, 393 times, 7 steps back
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --legacy-peer-deps --prefix "$folder" \
  lightweight-charts-indicators@0.4.2 oakscriptjs@0.3.0 > /dev/null 2>&1
cat > try.mjs <<'JS'
import { DoubleMACD } from "lightweight-charts-indicators";

const BARS = 400;
const bars = Array.from({ length: BARS }, (_, i) => {
  const close = 100 + 8 * Math.sin(i / 9) + 5 * Math.sin(i / 23) + i / 50;
  return { time: 1700000000 + 60 * i, open: close, high: close + 1, low: close - 1, close, volume: 100 };
});
const { plots } = DoubleMACD.calculate(bars, DoubleMACD.defaultInputs);
const steps = {};
for (const name of ["macd1Line", "divBear", "divBull"]) {
  const times = plots[name].map((point) => point.time);
  steps[name] = times.filter((time, i) => i > 0 && time < times[i - 1]).length;
  console.log(`${name}: ${times.length} points, ${new Set(times).size} times, ${steps[name]} steps back`);
}
process.exit(steps.macd1Line === 0 && steps.divBear > 0 && steps.divBull > 0 ? 0 : 1);
JS
timeout 60 node try.mjs || { echo "the behaviour has changed"; exit 1; }
