// Follow public signals from Node.js: `npm install zeromq @msgpack/msgpack`, then `node follow.mjs anna.key`.
// Times are nanoseconds, larger than 2^53: they come as BigInt, and JSON needs to be told how to print one.
import { readFileSync } from "node:fs";
import { decode } from "@msgpack/msgpack";
import { Subscriber } from "zeromq";

const lines = readFileSync(process.argv[2], "utf8").matchAll(/^(\w+) = "(.*)"$/gm);
const key = Object.fromEntries([...lines].map(([, name, value]) => [name, value]));

const socket = new Subscriber({
  curvePublicKey: key.public,
  curveSecretKey: key.secret,
  curveServerKey: key.server,
  handshakeInterval: 2000, // who is refused comes back after so many ms
});
socket.subscribe("public.");
socket.connect(key.stream);

const printed = (name, value) => (typeof value === "bigint" ? value.toString() : value);

for await (const [topic, frame, place] of socket) {
  if (place === undefined) continue; // public.state., once a second
  const { number } = decode(place);
  const message = decode(frame, { useBigInt64: true });
  console.log(JSON.stringify({ number, topic: topic.toString(), ...message }, printed));
}
