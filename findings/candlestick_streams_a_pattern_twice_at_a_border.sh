#!/usr/bin/env bash
# candlestick 2.0.2: its streaming interface reports a pattern twice when it lies at the border of two chunks, and counts those bars twice.
#
# Versions: candlestick 2.0.2, Node 20.
#
# Behaviour: `streaming.processLargeDataset` is documented for very large sets, as the sparing way to what `patternChain` answers. Chunks overlap
# by the length of the longest pattern less one, so that none is cut; but what is shorter and lies in the overlap is found in both. The
# number of matches, and a strategy that acts on each, depend on the chunk's size. At the default of 1000 bars it is rare enough not to be
# noticed in a test. `totalProcessed` counts the overlap again as well. Nothing in the documentation asks the caller to remove doubles.
#
# Output seen (50 bars):
#   at once: 61 matches; in chunks of 10: 68 matches, 61 different; in chunks of 25: 63, 61 different
#   bars processed in chunks of 10: 60
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" candlestick@2.0.2 > /dev/null 2>&1
cat > try.js <<'JS'
const candlestick = require("candlestick");

const bars = [];
for (let bar = 0, price = 100; bar < 50; bar += 1) {
  const open = price;
  price += (((bar * 7919) % 13) - 6) / 4;
  const high = Math.max(open, price) + ((bar * 31) % 5) / 4;
  const low = Math.min(open, price) - ((bar * 17) % 7) / 4;
  bars.push({ open, high, low, close: price });
}
const different = (matches) => new Set(matches.map((match) => `${match.index} ${match.pattern}`)).size;
const streamed = (chunkSize) => candlestick.streaming.processLargeDataset(bars, { chunkSize });
const whole = candlestick.patternChain(bars, candlestick.allPatterns);
const [small, large] = [streamed(10), streamed(25)];
console.log(
  `at once: ${whole.length} matches; in chunks of 10: ${small.length} matches, ${different(small)} different; ` +
    `in chunks of 25: ${large.length}, ${different(large)} different`,
);
const stream = candlestick.streaming.createStream({ chunkSize: 10 });
stream.process(bars);
const { totalProcessed } = stream.end();
console.log(`bars processed in chunks of 10: ${totalProcessed}`);
const doubled = small.length > whole.length && different(small) === whole.length && different(whole) === whole.length;
process.exit(doubled && totalProcessed === 60 ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
