#!/usr/bin/env bash
# technicalindicators 3.1.0: its volume profile counts the whole volume of a bar in each row that the bar touches.
#
# Versions: technicalindicators 3.1.0, Node 20.
#
# Behaviour: a volume profile says how much was traded in each row, so its rows add up to what was traded. Here a bar is neither spread over
# its rows nor put at one price: each row from its low to its high gets all of it, and both ends of a row belong to it, so that a bar at a
# border counts in two rows. One bar of 1,000 contracts over five rows is 5,000 contracts. The row of most volume is where the wide bars
# cross, and 900 contracts at 108 alone are 900 in the row above 108 and another 900 in the row below. Nothing that counts contracts
# (point of control, value area) can be read off it.
#
# Output seen:
#   1000 traded in one bar: rows 1000 1000 1000 1000 1000, together 5000
#   1000 traded, 900 of them at 108: rows 100 100 100 1000 1000, together 2300
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" technicalindicators@3.1.0 > /dev/null 2>&1
cat > try.js <<'JS'
const { VolumeProfile } = require("technicalindicators");

const rows = (bars) => VolumeProfile.calculate({
  open: bars.map((bar) => bar.low), low: bars.map((bar) => bar.low), high: bars.map((bar) => bar.high),
  close: bars.map((bar) => bar.high), volume: bars.map((bar) => bar.volume), noOfBars: 5,
}).map((row) => row.totalVolume);
const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);
const wide = rows([{ low: 100, high: 110, volume: 1000 }]);
const mixed = rows([{ low: 100, high: 110, volume: 100 }, { low: 108, high: 108, volume: 900 }]);
console.log(`1000 traded in one bar: rows ${wide.join(" ")}, together ${sum(wide)}`);
console.log(`1000 traded, 900 of them at 108: rows ${mixed.join(" ")}, together ${sum(mixed)}`);
process.exit(sum(wide) === 5000 && mixed.join() === "100,100,100,1000,1000" ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
