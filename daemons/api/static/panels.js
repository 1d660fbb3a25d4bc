// The panels beside and below the chart. Each function writes one of them from the model; a list that has not changed is not touched.

import { clock, dayOf, stamp } from "./time.js";
import { capital, dayType, el, money, price, put, signed, tone, words } from "./words.js";

const $ = (id) => document.getElementById(id);

// Replaces the children of a list if its content is another than before.
const written = new WeakMap();
function fill(list, content, make) {
  const seen = JSON.stringify(content);
  if (written.get(list) === seen) return;
  written.set(list, seen);
  list.replaceChildren(...content.map(make));
}

export function lights(model) {
  const shown = model.state?.lights ?? [];
  fill($("lights"), shown.length ? shown : ["platform", "account", "data", "orders", "position"].map((name) => ({ name, on: null, text: "not known yet" })), (light) =>
    el("li", { title: light.text, "data-on": String(light.on) },
      el("span.lamp", { "aria-hidden": "true" }),
      el("p", {}, el("b", {}, capital(light.name)), el("span.sr", {}, light.on === null ? " unknown: " : light.on ? " on: " : " off: "), el("span.text", {}, light.text))));
}

export function account(model, terms) {
  const { risk, state } = model;
  const killed = state?.killed ?? (risk?.reason === "KILLED");
  const standing = killed ? "Killed" : risk ? (risk.state === "ACTIVE" ? "Active" : `${capital(risk.state.toLowerCase())}: ${words(risk.reason)}`) : "No trade yet";
  put($("standing"), standing, killed || risk?.state === "HALTED" ? "bears" : risk?.state === "REDUCING" ? "bear" : "bull");
  const realised = risk?.realised_cents ?? 0;
  put($("result"), money(realised), tone(realised));
  const open = openCents(model, terms);
  put($("open"), open === null ? "–" : money(open), tone(open ?? 0));
  put($("trades-count"), String(risk?.trades ?? 0));
}

// Profit of the open positions at the last closes, before commissions; null without one.
function openCents(model, terms) {
  let sum = null;
  for (const [name, held] of Object.entries(model.state?.books?.positions ?? {})) {
    const last = model.markets.get(name)?.bars.at(-1);
    if (held.qty && last && terms[name]) sum = (sum ?? 0) + Math.round((last.close - held.price) * held.qty * terms[name].point_value * 100);
  }
  return sum;
}

export function position(model, terms, explain) {
  const rows = [];
  for (const [name, held] of Object.entries(model.state?.books?.positions ?? {})) {
    const tick = terms[name]?.tick ?? 0.01;
    const bar = model.markets.get(name)?.bars.at(-1);
    const told = bar?.held;
    if (held.qty) {
      rows.push({
        name, side: held.qty > 0 ? "Long" : "Short", qty: Math.abs(held.qty), at: price(held.price, tick), now: bar ? price(bar.close, tick) : "–",
        stop: told?.stop != null ? price(told.stop, tick) : "none told", target: told?.target != null ? price(told.target, tick) : "none",
        id: told?.entry_id ?? "", venue: held.venue_qty,
      });
    } else rows.push({ name, venue: held.venue_qty });
  }
  fill($("position"), rows, (row) => {
    const differs = row.venue === null || row.venue === undefined ? null : el("p.error", {}, `The venue says ${signed(row.venue)}`);
    if (!row.side) return el("div.flat", {}, el("b", {}, row.name), " flat", differs);
    return el("div.held", { "data-side": row.side },
      el("p", {}, el("b.side", {}, `${row.side} ${row.qty}`), ` ${row.name} at ${row.at}`, row.id ? el("button.plain", { type: "button", onclick: () => explain(row.id) }, "Why?") : null),
      el("dl", {}, ...[["Last", row.now], ["Stop", row.stop], ["Target", row.target]].map(([term, text]) => el("div", {}, el("dt", {}, term), el("dd", {}, text)))),
      differs);
  });
}

const ROOMS = { day_loss: "Loss of the day", day_loss_open: "Loss of the day, open too", day_profit: "Profit until it is locked", drawdown: "Drawdown", max_trades: "Trades of the day" };
const figure = (row, value) => (row.unit === "dollars" ? money(Math.round(value * 100), { plus: false }) : String(value));

// What is left of the account's limits, and of the prop-firm program's, as the daemons count it.
function rooms(model) {
  const rows = (model.state?.rooms ?? []).map(({ name, unit, left, limit }) => ({ name: ROOMS[name] ?? capital(words(name)), unit, left, limit }));
  const program = model.state?.books?.program;
  if (!program) return rows;
  const add = (name, left, limit) => limit !== null && rows.push({ name: `Program ${name}`, unit: "dollars", left: left / 100, limit: limit / 100 });
  add("drawdown", program.above_floor_cents, program.floor_distance_cents);
  add("loss of the day", program.day_loss_cents + (program.day_cents ?? 0), program.day_loss_cents);
  add("target", program.target_cents - program.profit_cents, program.target_cents);
  return rows.map((row) => (row.name.endsWith("target") ? { ...row, good: true } : row));
}

export function limits(model) {
  const program = model.state?.books?.program;
  put($("program"), program ? `Program ${words(program.name)}: ${program.state.toLowerCase()}${program.failure ? `, ${program.failure}` : ""}` : "");
  fill($("limits"), rooms(model), (row) => {
    const left = Math.max(0, row.left), share = row.limit > 0 ? Math.min(1, left / row.limit) : 0;
    const told = `${row.name}: ${figure(row, left)} left of ${figure(row, row.limit)}`;
    return el("li", { "data-low": String(share < 0.25 && !row.good) },
      el("span", {}, row.name), el("b", {}, figure(row, left)), el("span.soft", {}, `${row.good ? "of" : "limit"} ${figure(row, row.limit)}`),
      el("meter", { min: 0, max: 1, low: row.good ? 0 : 0.25, high: 1, optimum: 1, value: share.toFixed(3), "aria-label": told }));
  });
}

// What became of a setup, in words: a light, a line, and the reason that was published.
function outcome({ what, direction, action, reason, detail }) {
  if (what === "refused") return ["stop", `Refused: ${words(reason)}`, detail];
  if (what === "held back") return ["wait", `Held back: ${words(reason)}`, detail];
  if (what === "approved") return ["on", `${capital(words(action))} approved`, reason];
  return ["on", `${direction === "LONG" ? "Long" : "Short"} proposed`, reason];
}

// Why a strategy does or does not propose now, as far as the facts say it. Its rules stay where they are decided.
function lamp(model, market, session, each) {
  const last = model.said.get(`${market.name} ${each.strategy}`);
  const bar = market.bars.at(-1);
  if (each.why !== undefined) return ["off", `Switched off: ${each.why}`, ""];
  if (session.open_entry && last?.id === session.open_entry && bar?.held) return ["on", `In the market since ${clock(last.at)}`, last.reason ?? ""];
  if (!last || last.session !== session.session) return ["idle", bar ? `No complete setup at ${clock(bar.ms)}` : "No bar yet", "nothing so far on this date"];
  const when = bar && last.at === bar.ms ? "" : `at ${clock(last.at)} `;
  const text = outcome(last);
  if (!when) return text;
  return ["idle", `No complete setup at ${clock(bar.ms)}`, `${when}${text[1].charAt(0).toLowerCase()}${text[1].slice(1)}: ${text[2]}`];
}

export function strategies(model, market) {
  const session = model.state?.strategies?.[market.name];
  if (!session) return;
  const bar = market.bars.at(-1);
  put($("asked"), asked(model, session, bar));
  const all = [...session.running, ...session.off.map((each) => ({ why: "", ...each }))];
  const rows = all.map((each) => {
    const [state, line, detail] = lamp(model, market, session, each);
    const values = Object.entries(each.state ?? {}).map(([name, value]) => `${words(name)} ${value === null ? "none" : value}`).join(" · ");
    return { name: each.strategy ?? each.name, state, line, detail, values };
  });
  fill($("strategy-list"), rows, (row) => el("li.strategy", { "data-state": row.state },
    el("span.lamp", { "aria-hidden": "true" }),
    el("div", {},
      el("p", {}, el("b", {}, row.name), el("span.line", {}, row.line)),
      row.detail ? el("p.soft", {}, row.detail) : null,
      row.values ? el("p.soft.values", {}, row.values) : null)));
}

// What one strategy lacked on a date. Conditions are its own code; those that every bar passed say nothing and are left out.
export function reasons(each) {
  const lacked = each.conditions.filter(({ reached, held }) => reached > held);
  const refused = Object.entries(each.refused).map(([reason, count]) => `${words(reason)} ${count}`).join(", ");
  const told = `Asked at ${each.asked.toLocaleString("en-US")} bars, proposed ${each.proposed}${refused ? `, refused: ${refused}` : ""}, traded ${each.traded}.`;
  const near = each.nearest.at(-1);
  const short = (text) => text.replace(/^\S+T(\d\d:\d\d):\d\d\s+/, "$1 ");
  return el("section.reasons", {}, el("h3", {}, each.strategy), el("p", {}, told),
    each.off ? el("p.error", {}, `Switched off: ${each.off}`) : null,
    each.last ? el("p", {}, "The last bar lacked: ", el("code", {}, short(each.last))) : null,
    near && near !== each.last ? el("p", {}, "The nearest lacked: ", el("code", {}, short(near))) : null,
    lacked.length ? el("table", {}, el("thead", {}, el("tr", {}, ...["Came to it", "Held", "Condition"].map((name, at) => el("th", { scope: "col", class: at < 2 ? "n" : null }, name)))),
      el("tbody", {}, ...lacked.map(({ reached, held, text }) => el("tr", {}, el("td.n", {}, reached.toLocaleString("en-US")), el("td.n", {}, held.toLocaleString("en-US")), el("td.words", {}, el("code", {}, text)))))) : null);
}

function asked(model, session, bar) {
  if (model.state.killed) return "Killed: every entry is refused";
  if (session.degraded) return "The date has a gap: no entries";
  if (model.risk && model.risk.state !== "ACTIVE") return `Entries are refused: ${words(model.risk.reason)}`;
  if (bar?.held) return "A position is open: only its exit is decided";
  if (model.state.books?.working?.length) return "An order works: nothing is asked";
  return "Asked in this order at each bar";
}

const ROLES = { ENTRY: "Entry", EXIT: "Exit", STOP: "Stop", TARGET: "Target", SESSION_END: "Close of the session", FOREIGN: "Not ours" };
const ACTIONS = { ENTER_LONG: "Long", ENTER_SHORT: "Short", EXIT: "Exit", MOVE_STOP: "Move stop", MOVE_TARGET: "Move target" };

function orderRow({ fact, kind }, terms) {
  const { body } = fact;
  const tick = terms[body.instrument]?.tick ?? 0.01;
  const at = (value) => price(value, tick);
  if (kind === "fill") return { mark: "fill", what: `${ROLES[body.role] ?? body.role} filled`, text: `${body.qty > 0 ? "bought" : "sold"} ${Math.abs(body.qty)} ${body.instrument} at ${at(body.price)}`, id: body.order_id };
  if (kind === "trade") {
    return { mark: "trade", what: `${body.strategy || "Trade"} ended`, text: `${words(body.direction)} ${body.size}, ${at(body.entry_price)} to ${at(body.exit_price)} by ${words(body.reason)}`, figure: money(body.net_cents), tone: tone(body.net_cents), id: body.id };
  }
  if (kind === "reject") return { mark: "reject", what: `${ACTIONS[body.action] ?? body.action} refused`, text: `${body.strategy}: ${words(body.reason)}, ${body.detail}`, id: body.id };
  const bracket = [body.stop != null ? `stop ${at(body.stop)}` : "", body.target != null ? `target ${at(body.target)}` : ""].filter(Boolean).join(", ");
  return { mark: "order", what: `${ACTIONS[body.action] ?? body.action} ${words(body.status)}`, text: [`${body.filled}/${body.qty} ${body.contract || body.instrument}`, bracket, body.detail].filter(Boolean).join(", "), id: body.order_id };
}

// Rows, newest first, with a line where another day begins.
function dated(rows) {
  let day = rows[0]?.at ? dayOf(rows[0].at) : "";
  return rows.flatMap((row) => {
    const other = row.at ? dayOf(row.at) : day;
    const line = other === day ? [] : [{ day: other }];
    day = other;
    return [...line, row];
  });
}

export function orders(model, terms, explain) {
  put($("orders-count"), model.orders.length ? `${model.trades.length} ${model.trades.length === 1 ? "trade" : "trades"}` : "none yet");
  const rows = model.orders.slice(0, 120).map((row) => ({ at: row.fact.ts, ref: `${row.fact.topic}@${row.fact.epoch}:${row.fact.seq}`, ...orderRow(row, terms) }));
  fill($("orders"), dated(rows), (row) => row.day ? el("li.day", {}, row.day) :
    el("li", { "data-mark": row.mark },
      el("button.row", { type: "button", title: `Explain ${row.id}`, onclick: () => explain(row.id) },
        el("time", {}, clock(row.at)), el("b", {}, row.what), row.figure ? el("span.figure", { "data-tone": row.tone }, row.figure) : null,
        el("span.text", {}, row.text))));
}

const SAID = new Set(["killed", "armed", "carried_over"]); // alarms that tell what a person has done

function alarmRow(fact) {
  const { type, body } = fact;
  const source = fact.topic.split(".")[2] ?? "";
  if (type === "gap") return { mark: "bad", what: "Gap", text: `${body.topic}: numbers ${body.first} to ${body.last} are lost (${body.reader})` };
  if (type === "feed_status") return { mark: body.status === "connected" ? "good" : "bad", what: `Feed ${body.status}`, text: `${body.instrument}: ${body.text}` };
  if (type === "ops_event") return { mark: body.event === "error" ? "bad" : "note", what: capital(words(body.event)), text: `${body.subject}: ${body.text}` };
  return { mark: SAID.has(body.name) ? "note" : "bad", what: capital(words(body.name)), text: `${source}: ${body.text}` };
}

export function journal(model) {
  put($("alarms-count"), model.alarms.length ? String(model.alarms.length) : "none");
  const rows = model.alarms.slice(0, 120).map((fact) => ({ at: fact.ts, ref: `${fact.topic}@${fact.seq}`, ...alarmRow(fact) }));
  fill($("journal"), dated(rows), (row) => row.day ? el("li.day", {}, row.day) :
    el("li", { "data-mark": row.mark }, el("time", { title: row.at ? stamp(row.at) : "before the first bar" }, row.at ? clock(row.at) : "–"), el("b", {}, row.what), el("span.text", {}, row.text)));
}

export function legend(model, market, bar, terms) {
  const tick = terms[market.name]?.tick ?? 0.01;
  const at = bar ?? market.bars.at(-1);
  if (!at) {
    put($("legend"), "No bar yet");
    return;
  }
  const shown = (value) => price(value, tick);
  const parts = [["O", shown(at.open)], ["H", shown(at.high)], ["L", shown(at.low)], ["C", shown(at.close)], ["Volume", at.volume.toLocaleString("en-US")],
    ["VWAP", at.vwap === null ? "–" : shown(Math.round(at.vwap / tick) * tick)]];
  fill($("legend"), [[stamp(at.ms), "New York"], ...parts], ([name, text], index) => el("span", {}, index === 0 ? el("time", {}, name) : el("i", {}, name), " ", text));
}

export function dayChip(model, market) {
  const now = market.bars.at(-1);
  const bar = market.bars.findLast((each) => each.rth);
  if (!now || bar?.session !== now.session) {
    put($("daytype"), now ? "Before RTH" : "No bar yet", "calm");
    return;
  }
  const [text, toned] = dayType(model.hello?.day_type === "midpoint" ? bar.midpoint : bar.edge);
  put($("daytype"), now.rth ? text : `${text} · RTH is over`, toned);
}

const VERDICTS = { equal: ["Equal", "gain"], diverged: ["Diverged", "loss"], unproved: ["Unproved", "loss"] };

export function days(list, open) {
  put($("days-note"), list.length ? "" : "none yet");
  fill($("days"), list, (day) => day);
  if (!list.length) return;
  const head = el("tr", {}, ...["Date", "Result", "Trades", "Won", "Refused", "Bars", "Verdict", ""].map((name, at) => el("th", { scope: "col", class: at > 0 && at < 6 ? "n" : null }, name || el("span.sr", {}, "Report"))));
  const rows = list.map((day) => {
    const [verdict, toned] = day.verdict ? (VERDICTS[day.verdict] ?? [day.verdict, ""]) : [day.closed ? "Not judged" : "Not over", ""];
    return el("tr", {},
      el("th", { scope: "row" }, day.date), el("td.n", { "data-tone": tone(day.net) }, money(Math.round(day.net * 100))),
      el("td.n", {}, String(day.trades)), el("td.n", {}, String(day.won)), el("td.n", {}, String(day.refused)), el("td.n", {}, day.bars.toLocaleString("en-US")),
      el("td", { "data-tone": toned, title: day.summary ?? "" }, verdict),
      el("td", {}, el("button.plain", { type: "button", onclick: () => open(day.date), "aria-label": `Report of ${day.date}` }, "Report")));
  });
  $("days").replaceChildren(el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)));
}
