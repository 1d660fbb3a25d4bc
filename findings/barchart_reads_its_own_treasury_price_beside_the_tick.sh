#!/usr/bin/env bash
# @barchart/marketdata-api-js 6.3.2 reads the CME's notation of note futures as tenths of a 32nd: its own 110-007 comes back off the tick.
#
# Versions: @barchart/marketdata-api-js 6.3.2, Node 20.
#
# Behaviour: five-year notes trade in quarters of a 32nd, two-year notes in eighths. The notation has three digits, and the last one is cut:
# 110-002 is 110 and 0.25/32, 110-007 is 0.75/32. formatPrice writes that, with `specialFractions`. parsePrice takes the digits for tenths,
# 0.2/32 and 0.7/32: of the prices in quarters half come back as another price, which is on no tick, of those in eighths three in four. An
# order at a price that a trader typed is refused by the exchange, or rounded by somebody to the tick below. Besides, a price a hair
# below a whole number, as averages are, is written with a numerator as large as the denominator: 99-32.
#
# Output seen:
#   110.0234375 written 110-007, read 110.021875
#   not read back, of 128 ticks in a point: 64; of 256: 192
#   99.999 in 32nds: 99-32
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" @barchart/marketdata-api-js@6.3.2 > /dev/null 2>&1
cat > try.js <<'JS'
const formatPrice = require("@barchart/marketdata-api-js/lib/utilities/format/price");
const parsePrice = require("@barchart/marketdata-api-js/lib/utilities/parse/price");

const THIRTY_SECONDS = "4";
const QUARTERS = "6"; // of a 32nd: 1/128 point
const EIGHTHS = "7";
const written = (price, unit) => formatPrice(price, unit, "-", true);
const read = (text, unit) => parsePrice(text, unit, "-", true);
const lost = (unit, ticks) =>
  Array.from({ length: ticks }, (_, tick) => 110 + tick / ticks).filter((price) => read(written(price, unit), unit) !== price).length;

const price = 110 + 0.75 / 32;
const text = written(price, QUARTERS);
console.log(`${price} written ${text}, read ${read(text, QUARTERS)}`);
const counts = [lost(QUARTERS, 128), lost(EIGHTHS, 256)];
console.log(`not read back, of 128 ticks in a point: ${counts[0]}; of 256: ${counts[1]}`);
const whole = formatPrice(99.999, THIRTY_SECONDS, "-");
console.log(`99.999 in 32nds: ${whole}`);
process.exit(text === "110-007" && read(text, QUARTERS) === 110.021875 && counts.join() === "64,192" && whole === "99-32" ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
