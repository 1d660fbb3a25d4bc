#!/usr/bin/env bash
# technicalindicators 3.1.0: its Renko makes one brick a bar at most, and makes up for it in the bars after, when the price stands still.
#
# Versions: technicalindicators 3.1.0, Node 20.
#
# Behaviour: a Renko chart has as many bricks as the price has gone brick sizes; time has no part in it. Here a bar whose close is ten
# bricks away gives one, and each later bar that is still a brick or more away gives the next. So a jump from 100 to 110 followed by
# minutes at 110 is drawn as a rise that goes on for ten minutes, each brick stamped with a minute in which nothing happened; the same jump
# taken back in the next minute is a single brick up and none down. The bricks' high and low are the bar's, 110 for the brick of 100 to 101.
#
# Output seen:
#   100, 110, then 110 for nine minutes: bricks 101@1 102@2 103@3 104@4 105@5 106@6 107@7 108@8 109@9 110@10
#   100, 110, 100: bricks 101@1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" technicalindicators@3.1.0 > /dev/null 2>&1
cat > try.js <<'JS'
const { renko } = require("technicalindicators");

const bricks = (prices) => {
  const volume = prices.map(() => 1);
  const timestamp = prices.map((_, minute) => minute);
  const made = renko({ open: [...prices], high: [...prices], low: [...prices], close: [...prices], volume, timestamp, brickSize: 1 });
  return made.close.map((close, index) => `${close}@${made.timestamp[index]}`).join(" ");
};
const stood = bricks([100, ...Array(10).fill(110)]);
const back = bricks([100, 110, 100]);
console.log(`100, 110, then 110 for nine minutes: bricks ${stood}`);
console.log(`100, 110, 100: bricks ${back}`);
process.exit(stood === "101@1 102@2 103@3 104@4 105@5 106@6 107@7 108@8 109@9 110@10" && back === "101@1" ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
