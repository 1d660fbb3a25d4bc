#!/usr/bin/env bash
# fix 0.0.6 for Node keeps one value for each tag: of a book with three entries the last one is left, and what it sends is sorted by tag.
#
# Versions: fix 0.0.6, Node 20.
#
# Behaviour: in FIX a repeating group gives its tags again for each entry, in an order that says which values belong together. Messages are
# plain objects here, on both ways: a snapshot with 268=3 entries arrives as one entry, with nothing that tells of the others, and no
# message can be sent with two. An object with numbers for names is listed by their size, so that 55 is sent before 146, whose group it
# begins. A value ends at its first equals sign, which the padding of base64 is. Body length and checksum are of characters, not of
# bytes: with an é in a text, the counterparty takes the message for garbled and ignores it. The readme speaks of none of this.
#
# Output seen:
#   three entries in, 1 out: 269=2 270=20000.25; 96=YWI= in, 96=YWI out
#   sent: 35 52 49 56 34 55 146 262; body length 56 written, 57 bytes
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" fix@0.0.6 > /dev/null 2>&1
cat > try.js <<'JS'
const { convertToFIX, convertToMap } = require("fix/fixutils");

const SOH = "\u0001";
const lines = (text) => text.split("|").join(SOH);
const book = convertToMap(
  lines("8=FIX.4.4|35=W|55=NQH7|268=3|269=0|270=20000.00|269=1|270=20000.50|269=2|270=20000.25|96=YWI=|"),
);
console.log(`three entries in, 1 out: 269=${book[269]} 270=${book[270]}; 96=YWI= in, 96=${book[96]} out`);

const TIME = "20260105-14:30:00.000";
const fields = (message) => message.split(SOH).slice(2, -2).map((field) => field.split("=")[0]);
const sent = fields(convertToFIX({ 35: "V", 262: "1", 146: "1", 55: "NQH7" }, "FIX.4.4", TIME, "A", "B", "2"));
const text = convertToFIX({ 35: "B", 148: "marché" }, "FIX.4.4", TIME, "A", "B", "2");
const written = Number(/\u00019=(\d+)\u0001/.exec(text)[1]);
const bytes = Buffer.byteLength(text.slice(text.indexOf("35="), text.lastIndexOf("10=")));
console.log(`sent: ${sent.join(" ")}; body length ${written} written, ${bytes} bytes`);
const lost = book[269] === "2" && book[96] === "YWI" && sent.indexOf("55") < sent.indexOf("146");
process.exit(lost && written === bytes - 1 ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
