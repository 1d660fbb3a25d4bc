#!/usr/bin/env bash
# zeromq.js 6.8.0 sends a buffer of more than 128 bytes as it is when the message leaves, not as it was when send() was awaited.
#
# Versions: zeromq 6.8.0 with libzmq 4.3.5, Node 20, Linux x86-64.
#
# Behaviour: `await send(buffer)` is documented to resolve when the message was queued. What is queued above 128 bytes is a reference; only
# smaller ones are copied. A program that fills one buffer for each tick and sends it, as fast encoders do, works in its tests with short
# messages. Longer ones arrive with what was written last, the right number of them, each of the right length, and how many are wrong
# depends on the speed of the peer. Over tcp it is the same until a message is handed to the network. Nothing in the readme or in the
# types' comments says that the memory must be left alone. A copy (Buffer.from(buffer)) for each send is right.
#
# Output seen (five sends from one buffer, filled with 0 to 4):
#   100 bytes: 0 1 2 3 4; 128 bytes: 0 1 2 3 4; 129 bytes: 4 4 4 4 4; 129 bytes, copied: 0 1 2 3 4
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" zeromq@6.8.0 > /dev/null 2>&1
cat > try.js <<'JS'
const { Pull, Push } = require("zeromq");

const received = async (size, prepared) => {
  const [push, pull] = [new Push(), new Pull()];
  await push.bind(`inproc://ticks-${size}-${prepared.name}`);
  pull.connect(`inproc://ticks-${size}-${prepared.name}`);
  const buffer = Buffer.alloc(size);
  for (let tick = 0; tick < 5; tick += 1) {
    buffer.fill(tick);
    await push.send(prepared(buffer));
  }
  const ticks = [];
  while (ticks.length < 5) {
    const [message] = await pull.receive();
    ticks.push(message[0]);
  }
  push.close();
  pull.close();
  return ticks.join(" ");
};
const same = (buffer) => buffer;
const copied = (buffer) => Buffer.from(buffer);

(async () => {
  const seen = [await received(100, same), await received(128, same), await received(129, same), await received(129, copied)];
  console.log(`100 bytes: ${seen[0]}; 128 bytes: ${seen[1]}; 129 bytes: ${seen[2]}; 129 bytes, copied: ${seen[3]}`);
  const right = "0 1 2 3 4";
  process.exit(seen[0] === right && seen[1] === right && seen[2] === "4 4 4 4 4" && seen[3] === right ? 0 : 1);
})();
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
