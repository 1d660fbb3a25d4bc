// The way to the server: a key, questions with it, and the stream. The key is in this tab's session storage and in headers; never
// in an address, which histories, logs and screens keep.

const KEPT = "tapewire.key";
// What the page shows. Heartbeats are not among it: with nothing new there is nothing to draw and nothing to ask.
const TOPICS = ["session.", "intent.", "suppressed.", "signal.", "reject.", "order.", "fill.", "trade.", "risk.",
  "sys.alarm.", "sys.gap.", "feed.status.", "ops.event."];
const AGAIN_MS = [500, 1000, 2000, 4000, 8000];
const REFUSED = { 401: "This key is not valid here, or was revoked.", 403: "The role of this key may not read the stream." };
const LATER = { // why the server wants to be asked later
  MANY: "too many readers with this key are connected",
  FULL: "too many readers are connected",
  SLOW: "this key read too slowly and has to wait",
  RATE: "this key calls too often",
};

export const key = {
  get: () => sessionStorage.getItem(KEPT),
  set: (value) => sessionStorage.setItem(KEPT, value),
  forget: () => sessionStorage.removeItem(KEPT),
};

export class Refusal extends Error {
  constructor(status, code, text, after = 0) {
    super(text);
    this.status = status;
    this.code = code;
    this.after = after; // seconds to wait
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
  throw new Refusal(response.status, problem.code ?? "", problem.detail ?? problem.title ?? `the server replied ${response.status}`,
    Number(response.headers.get("Retry-After")) || 0);
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
    let open = false;
    this.stands("wait", "connecting");
    const address = new URL("stream", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = this.socket = new WebSocket(address);
    socket.onopen = () => {
      open = true;
      socket.send(JSON.stringify({ key: key.get() ?? "", topics: TOPICS }));
    };
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.kind === "live") {
        this.tries = 0;
        this.stands("on", "connected");
      }
      this.told(message);
    };
    socket.onclose = async (event) => {
      if (socket !== this.socket || !this.wanted) return;
      const refusal = event.code >= 4400 ? worded(event) : open ? null : await asked();
      if (socket !== this.socket || !this.wanted) return;
      if (REFUSED[refusal?.status]) {
        this.wanted = false;
        this.stands("refused", REFUSED[refusal.status]);
        return;
      }
      const why = LATER[refusal?.code];
      this.stands("off", why ? `${why}, trying again in ${refusal.after} s` : "connection lost, trying again");
      const wait = Math.max(AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)], 1000 * (refusal?.after ?? 0));
      this.timer = setTimeout(() => this.wanted && this.open(), wait * (1 + Math.random() / 4)); // not all pages at once
    };
  }

  close() {
    this.wanted = false;
    clearTimeout(this.timer);
    this.socket?.close();
  }
}

// Why the server has closed the stream: a code, and seconds to wait. The code of the close is 4000 more than the status.
function worded({ code, reason }) {
  const [word, seconds] = reason.split(" ");
  return { status: code - 4000, code: word, after: Number(seconds) || 0 };
}

// Why it let no stream in, which a browser does not tell. Null if it would by now.
async function asked() {
  try {
    await get("stream");
    return null;
  } catch (refusal) {
    return refusal;
  }
}
