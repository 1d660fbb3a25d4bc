#!/usr/bin/env bash
# trading-signals 8.3.0: a live bar that begins without volume and is then replaced takes the bar before it out of the VWAP.
#
# Versions: trading-signals 8.3.0, Node 20.
#
# Behaviour: `replace` is documented for live charts: a bar is added when it begins, and replaced with each change until it is over. VWAP
# leaves a candle without volume out and answers null, which is right, but does not note that this one is now the last. The replacement
# then takes back the candle before, the last that counted, and puts the new one in its place. A feed that opens each bar with volume 0, as
# they do before the first trade, leaves nothing but the bar that is running: a VWAP that is the bar's typical price, without an error. The
# same bars added when they are over, or begun with a volume of 1, give the right value.
#
# Output seen (bars of 10 contracts at 100, 200 and 300; the VWAP is 100, 150, 200):
#   added when over: 100 150 200
#   begun with volume 1, then replaced: 100 150 200
#   begun with volume 0, then replaced: 100 200 300
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" trading-signals@8.3.0 > /dev/null 2>&1
cat > try.mjs <<'JS'
import { VWAP } from "trading-signals";

const bar = (price, volume) => ({ high: price, low: price, close: price, volume });
const values = (begun) => {
  const vwap = new VWAP();
  return [100, 200, 300].map((price, index) => {
    if (index === 0 || begun === null) return vwap.add(bar(price, 10));
    vwap.add(bar(price, begun));
    return vwap.replace(bar(price, 10));
  }).join(" ");
};
const whole = values(null), traded = values(1), empty = values(0);
console.log(`added when over: ${whole}`);
console.log(`begun with volume 1, then replaced: ${traded}`);
console.log(`begun with volume 0, then replaced: ${empty}`);
process.exit(whole === "100 150 200" && traded === whole && empty === "100 200 300" ? 0 : 1);
JS
timeout 60 node try.mjs || { echo "the behaviour has changed"; exit 1; }
