// What the page knows: the facts of the stream, folded. Everything has a bound, so a page may stay open for weeks.

import { fromNs, wall } from "./time.js";

const MOST_BARS = 3000;
const TRIM_AT = 3600;
const MOST_ROWS = 300;
const MOST_TRADES = 500;

const ALARMS = new Set(["alarm", "gap", "feed_status", "ops_event"]);
const told = ({ type, body }) => ALARMS.has(type) && body.event !== "error"; // an error is an alarm or a gap that is told already
export const LEVELS = ["pdh", "pdl", "pdc", "overnight_high", "overnight_low", "london_high", "london_low", "asia_high", "asia_low",
  "premarket_high", "premarket_low"];

function newest(list, row, most) {
  list.unshift(row);
  if (list.length > most) list.length = most;
}

export class Model {
  constructor() {
    this.clear();
  }

  clear() {
    this.hello = null;
    this.live = false;
    this.playback = null;
    this.state = null;
    this.risk = null;
    this.markets = new Map(); // by instrument
    this.trades = []; // newest first
    this.orders = []; // rows: orders, fills, trades, refusals; newest first
    this.alarms = [];
    this.said = new Map(); // strategy: what it proposed last, and what became of it
    this.now = 0; // market time, ms
  }

  market(name) {
    let market = this.markets.get(name);
    if (!market) {
      market = { name, bars: [], fresh: 0, whole: true, marked: true, awaited: false, fills: [], skipped: 0 };
      this.markets.set(name, market);
    }
    return market;
  }

  take(fact) {
    const { type, body } = fact;
    if (type === "session") this.bar(fact, body);
    else if (type === "intents") for (const intent of body.intents) this.says(intent.strategy, "proposed", body, intent);
    else if (type === "suppressed") this.says(body.strategy, "held back", body, body);
    else if (type === "reject") {
      this.says(body.strategy, "refused", body, body);
      newest(this.orders, { fact, kind: "reject" }, MOST_ROWS);
    } else if (type === "signal") this.says(body.strategy, "approved", body, body);
    else if (type === "order_event") newest(this.orders, { fact, kind: "order" }, MOST_ROWS);
    else if (type === "fill") {
      newest(this.orders, { fact, kind: "fill" }, MOST_ROWS);
      const market = this.market(body.instrument);
      market.fills.push({ at: fromNs(body.bar_ns), ...body });
      if (market.fills.length > MOST_TRADES) market.fills.shift();
      market.marked = true;
    } else if (type === "trade") {
      newest(this.trades, { fact, ...body }, MOST_TRADES);
      newest(this.orders, { fact, kind: "trade" }, MOST_ROWS);
      this.market(body.instrument).marked = true;
    } else if (type === "risk") this.risk = body;
    else if (told(fact)) newest(this.alarms, fact, MOST_ROWS);
  }

  // What a strategy said on a bar. `body` has the bar, `about` the setup.
  says(strategy, what, body, about) {
    if (!strategy || (about.action ?? "ENTER").startsWith("MOVE")) return;
    const key = `${body.instrument} ${strategy}`;
    if (this.said.size >= MOST_ROWS && !this.said.has(key)) this.said.clear(); // names come from outside, too
    this.said.set(key, { what, at: fromNs(body.bar_ns), session: body.session, ...about });
  }

  bar(fact, s) {
    const market = this.market(s.bar.instrument);
    const ms = fromNs(s.bar.close_ns);
    this.now = Math.max(this.now, ms);
    const time = wall(ms / 1000);
    const last = market.bars.at(-1);
    if (last && time <= last.time) { // a clock that is set back, or a bar that was there: it cannot be drawn in order
      market.skipped += 1;
      return;
    }
    const { open, high, low, close, volume, position } = s.bar;
    market.bars.push({
      ref: `${fact.topic}@${fact.epoch}:${fact.seq}`,
      time, ms, open, high, low, close, volume,
      session: s.session, rth: s.rth, minute: s.minute, closes: s.closes, k: s.k, degraded: s.degraded, missing: s.missing,
      vwap: s.rth ? s.vwap : null, sigma: s.rth ? s.vwap_sigma : null,
      ib: s.ib && [s.ib.high, s.ib.low], or: s.or30 && [s.or30.high, s.or30.low],
      edge: s.day_type_edge, midpoint: s.day_type_midpoint,
      levels: LEVELS.map((name) => s.levels[name]),
      held: position && position.qty ? position : null,
    });
    market.fresh += 1;
    if (market.bars.length > TRIM_AT) {
      market.bars.splice(0, market.bars.length - MOST_BARS);
      market.whole = true;
    }
  }
}

// Where the bar that closed at this time stands among these; -1 if it is not there.
export function indexOf(bars, ms) {
  let low = 0, high = bars.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (bars[middle].ms === ms) return middle;
    if (bars[middle].ms < ms) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
