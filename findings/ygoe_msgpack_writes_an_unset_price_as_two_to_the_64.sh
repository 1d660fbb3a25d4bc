#!/usr/bin/env bash
# @ygoe/msgpack 1.0.3 writes a large whole double as an integer that does not fit: an unset price becomes 18446744073709551615.
#
# Versions: @ygoe/msgpack 1.0.3, @msgpack/msgpack 3.1.3, Node 20.
#
# Behaviour: brokers' interfaces send the largest double, 1.797e308, for a price or a value that is not set, and clients test for exactly
# that. MessagePack has doubles for it. This package writes every number without a fraction as an integer, and one above the 64-bit range
# as the largest integer, a price nobody asks about: nothing is raised, and no reader of any language can tell. Its readme says that it
# supports the whole specification. A correction was merged in its repository in 2024 (pull request 34); the registry's newest release
# is from before. Besides, a Date before 1902 with a fraction of a second is written one second late.
#
# Output seen:
#   unset price: 1.7976931348623157e+308 written as cfffffffffffffffff, read by the other package: 18446744073709552000
#   the other package writes cb7fefffffffffffff
#   1900-01-01T00:00:00.250Z: read as 1900-01-01T00:00:01.250Z
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$folder" @ygoe/msgpack@1.0.3 @msgpack/msgpack@3.1.3 > /dev/null 2>&1
cat > try.js <<'JS'
const ygoe = require("@ygoe/msgpack");
const other = require("@msgpack/msgpack");

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const unset = Number.MAX_VALUE;
const written = ygoe.serialize(unset);
const read = other.decode(written);
console.log(`unset price: ${unset} written as ${hex(written)}, read by the other package: ${read}`);
console.log(`the other package writes ${hex(other.encode(unset))}`);
const early = "1900-01-01T00:00:00.250Z";
const date = other.decode(ygoe.serialize(new Date(early))).toISOString();
console.log(`${early}: read as ${date}`);
const lost = hex(written) === "cfffffffffffffffff" && other.decode(other.encode(unset)) === unset;
process.exit(lost && date === "1900-01-01T00:00:01.250Z" ? 0 : 1);
JS
timeout 60 node try.js || { echo "the behaviour has changed"; exit 1; }
