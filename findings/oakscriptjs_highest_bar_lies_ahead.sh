#!/usr/bin/env bash
# oakscriptjs 0.3.0, "PineScript v6 compatible": highestbars and lowestbars count the way back as positive, where Pine's are never above 0.
#
# Versions: oakscriptjs 0.3.0, Node 20.
#
# Behaviour: in Pine the answer is an offset: 0 for this bar, -2 for two bars ago, and scripts are written for that, among them the Aroon
# that the platform ships, 100 * (highestbars(high, n + 1) + n) / n, which is 100 for a high now and 0 for one n bars ago. A script carried
# over line by line gets 0, 1, 2, so Aroon up is 100 for a high now and 200 for one as old as can be: the oscillator is upside down and
# twice too high. `cog` is another number as well: Pine's centre of gravity is minus the weighted sum by the sum, between -n and -1; here the
# middle of the window is added to it, so that it lies around zero. The readme names neither difference.
#
# Output seen:
#   high now: Aroon up 100; high four bars ago: Aroon up 200 (highestbars 4)
#   cog of 1 2 3 over 3: -0.3333 (Pine: -1.6667)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" oakscriptjs@0.3.0 > /dev/null 2>&1
cat > try.js <<'JS'
const { taCore: ta } = require("oakscriptjs");

const LENGTH = 4;
const last = (values) => values[values.length - 1];
const aroon = (highs) => (100 * (last(ta.highestbars(highs, LENGTH + 1)) + LENGTH)) / LENGTH;
const now = [1, 2, 3, 4, 5];
const long_ago = [5, 4, 3, 2, 1];
const back = last(ta.highestbars(long_ago, LENGTH + 1));
console.log(`high now: Aroon up ${aroon(now)}; high four bars ago: Aroon up ${aroon(long_ago)} (highestbars ${back})`);
const cog = last(ta.cog([1, 2, 3], 3));
const pine = -(3 * 1 + 2 * 2 + 1 * 3) / (1 + 2 + 3);
console.log(`cog of 1 2 3 over 3: ${cog.toFixed(4)} (Pine: ${pine.toFixed(4)})`);
process.exit(aroon(now) === 100 && aroon(long_ago) === 200 && back === 4 && cog.toFixed(4) === "-0.3333" ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
