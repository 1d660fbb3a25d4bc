// The way to the server: a key, questions with it, and the stream. The key is in this tab's session storage and in headers; never
// in an address, which histories, logs and screens keep.

const KEPT = "tapewire.key";
// What the page shows. Heartbeats are not among it: with nothing new there is nothing to draw and nothing to ask.
const TOPICS = ["session.", "intent.", "suppressed.", "signal.", "reject.", "order.", "fill.", "trade.", "risk.",
  "sys.alarm.", "sys.gap.", "feed.status.", "ops.event."];
const AGAIN_MS = [500, 1000, 2000, 4000, 8000];
const REFUSED = { 4401: "This key is not valid here, or was revoked.", 4403: "The role of this key may not read the stream." };

export const key = {
  get: () => sessionStorage.getItem(KEPT),
  set: (value) => sessionStorage.setItem(KEPT, value),
  forget: () => sessionStorage.removeItem(KEPT),
};

export class Refusal extends Error {
  constructor(status, code, text) {
    super(text);
    this.status = status;
    this.code = code;
  }
}

async function request(method, path, headers, body) {
  let response;
  try {
    response = await fetch(path, { method, headers, body, cache: "no-store" });
  } catch {
    throw new Refusal(0, "AWAY", "the server does not reply");
  }
  if (response.ok) return response;
  let problem = {};
  try {
    problem = await response.json();
  } catch { /* no JSON: the status has to do */ }
  throw new Refusal(response.status, problem.code ?? "", problem.detail ?? problem.title ?? `the server replied ${response.status}`);
}

const keyed = () => ({ "X-API-Key": key.get() ?? "" });
export const get = async (path) => (await request("GET", path, keyed())).json();
export const text = async (path) => (await request("GET", path, keyed())).text();
export const post = async (path, body) => {
  const headers = body === undefined ? keyed() : { ...keyed(), "Content-Type": "application/json" };
  return (await request("POST", path, headers, body && JSON.stringify(body))).json();
};

// Reads the stream for as long as the key is good, again after each loss. `told(message)` gets each message, `stands(state, text)`
// how the connection is: "wait", "on", "off", or "refused" when a key is needed.
export class Stream {
  constructor(told, stands) {
    this.told = told;
    this.stands = stands;
    this.tries = 0;
    this.wanted = false;
  }

  open() {
    this.wanted = true;
    this.stands("wait", "connecting");
    const address = new URL("stream", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = this.socket = new WebSocket(address);
    socket.onopen = () => socket.send(JSON.stringify({ key: key.get() ?? "", topics: TOPICS }));
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.kind === "live") {
        this.tries = 0;
        this.stands("on", "connected");
      }
      this.told(message);
    };
    socket.onclose = (event) => {
      if (socket !== this.socket || !this.wanted) return;
      if (REFUSED[event.code]) {
        this.wanted = false;
        this.stands("refused", REFUSED[event.code]);
        return;
      }
      this.stands("off", "connection lost, trying again");
      const wait = AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)];
      this.timer = setTimeout(() => this.wanted && this.open(), wait);
    };
  }

  close() {
    this.wanted = false;
    clearTimeout(this.timer);
    this.socket?.close();
  }
}
