// The page: opens the stream with the key that a person shows, folds what comes into the model, and draws it once a frame. It holds
// nothing that is not the run's: close it at any moment.

import { PriceChart } from "./chart.js";
import { key, get, post, Refusal, Stream, text } from "./link.js";
import { Model } from "./model.js";
import { GROUPS } from "./overlay.js";
import * as panels from "./panels.js";
import { stamp } from "./time.js";
import { capital, el, money, put, sentence, signed, words } from "./words.js";

const STATE_MS = 1000; // at most one question for the state in so long
const IDLE_MS = 4000; // and one in so long when nothing comes
const DAYS_MS = 30_000; // at most between two looks at the days, and at least behind a trade
const DAYS_AGAIN_MS = 3000;
const SPEEDS = ["1", "10", "60", "240", "600", "max"];

const $ = (id) => document.getElementById(id);
const model = new Model();
let chart = null;
let chosen = ""; // the instrument that is shown
let looked = null; // the bar under the pointer
let asked = 0, asking = false, daysAt = 0, daysOf = "", drawing = false;

const operator = () => model.hello?.role === "operator";
const terms = () => model.hello?.traded ?? {};

// --- the stream

const stream = new Stream(take, (state, told) => {
  put($("link"), told);
  $("link").dataset.state = state;
  if (state === "refused") door(told);
});

function take(message) {
  if (message.kind === "hello") {
    model.clear();
    model.hello = message;
    begin();
  } else if (message.kind === "facts") {
    for (const fact of message.facts) model.take(fact);
    if (!model.live) return;
  } else if (message.kind === "live") model.live = true;
  else if (message.kind === "playback") model.playback = message;
  soon();
}

function soon() {
  if (drawing) return;
  drawing = true;
  const draw = () => {
    drawing = false;
    paint();
  };
  if (document.hidden) setTimeout(draw, 500); // a hidden page gets no frames
  else requestAnimationFrame(draw);
}

// --- painting

function begin() {
  const names = Object.keys(terms());
  if (!names.includes(chosen)) chosen = names[0] ?? "";
  $("door").hidden = true;
  $("desk").hidden = false;
  $("leave").hidden = false;
  put($("run"), [model.hello.mode === "replay" ? "Replay" : "Live", model.hello.account ? `account ${model.hello.account}` : "no account", `preset ${model.hello.preset}`].join(" · "));
  put($("about"), `tapewire ${model.hello.version}, run ${model.hello.run}, key: ${model.hello.role}`);
  $("replay").hidden = model.hello.mode !== "replay";
  for (const id of ["arm", "flatten"]) $(id).disabled = !operator();
  for (const id of ["play", "step", "speed", "seek-to"]) $(id).disabled = !operator();
  $("instruments").replaceChildren(...(names.length < 2 ? [] : names).map((name) =>
    el("button", { type: "button", "aria-pressed": String(name === chosen), onclick: () => choose(name) }, name)));
  put($("market-title"), chosen || "Chart");
  chart ??= made();
  if (chosen) chart.show(model.market(chosen), terms()[chosen].tick);
  asked = daysAt = 0;
}

function made() {
  const built = new PriceChart($("chart"), (bar) => {
    looked = bar;
    if (chosen) panels.legend(model, model.market(chosen), looked, terms());
  }, explain);
  $("chart").drawn = () => built.drawn();
  $("chart").marked = () => built.marked();
  $("shown").replaceChildren(...Object.entries(GROUPS).map(([group, name]) =>
    el("button", { type: "button", "aria-pressed": "true", "data-group": group, onclick: (event) => {
      const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
      event.currentTarget.setAttribute("aria-pressed", String(on));
      built.toggle(group, on);
    } }, name)));
  return built;
}

function choose(name) {
  chosen = name;
  for (const button of $("instruments").children) button.setAttribute("aria-pressed", String(button.textContent === name));
  put($("market-title"), name);
  chart.show(model.market(name), terms()[name].tick);
  soon();
}

function paint() {
  if (!model.hello || !chosen) return;
  const market = model.market(chosen);
  put($("clock"), model.now ? `${stamp(model.now)} New York` : "");
  chart.overlay.model = model.hello.day_type;
  chart.draw(market, model.trades);
  panels.legend(model, market, looked, terms());
  panels.dayChip(model, market);
  panels.lights(model);
  panels.account(model, terms());
  panels.position(model, terms(), explain);
  panels.limits(model);
  panels.strategies(model, market);
  panels.orders(model, terms(), explain);
  panels.journal(model);
  playback();
  const killed = Boolean(model.state?.killed);
  for (const button of kills) {
    put(button, killed ? "Killed" : "Kill");
    button.dataset.latched = String(killed);
  }
  const live = model.hello.mode === "live";
  $("start").hidden = !(operator() && live && killed);
  $("stop").hidden = !operator() || (live && killed) || (!live && !model.playback);
  if (model.live && Date.now() - asked > STATE_MS) state();
}

// What no fact says: the daemons' own state. Asked when facts come, and now and then.
async function state() {
  if (asking || document.hidden || !key.get()) return;
  asking = true;
  asked = Date.now();
  try {
    model.state = await get("state");
    if ($("link").dataset.state === "on") put($("link"), "connected"); // what the last question met is over
    if (model.hello?.mode === "replay") model.playback = model.state.playback;
    const traded = `${model.trades[0]?.id} ${model.market(chosen).bars.at(-1)?.session}`;
    if (Date.now() - daysAt > (traded === daysOf ? DAYS_MS : DAYS_AGAIN_MS)) {
      daysAt = Date.now();
      daysOf = traded;
      panels.days((await get("days")).days, report);
    }
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) stream.stands("refused", "This key is not valid here, or was revoked.");
    else if (error instanceof Refusal) put($("link"), error.message);
    else throw error;
  } finally {
    asking = false;
  }
  soon();
}
setInterval(() => {
  if (model.live && Date.now() - asked > IDLE_MS) state();
}, 1000);

function playback() {
  if (model.hello.mode !== "replay") return;
  const told = model.playback;
  const done = !told || (told.bars > 0 && told.bar >= told.bars);
  put($("play"), told && !done && told.status !== "paused" ? "Pause" : "Play");
  for (const id of ["play", "step", "speed", "seek-to"]) $(id).disabled = !operator() || done;
  $("progress").value = told && told.bars ? told.bar / told.bars : done && model.live ? 1 : 0;
  put($("replay-text"), told ? `${told.bar.toLocaleString("en-US")} of ${told.bars.toLocaleString("en-US")} bars, ${done ? "ended" : told.status}` : model.state ? "ended" : "");
  if (told && document.activeElement !== $("speed")) {
    const options = SPEEDS.includes(told.speed) ? SPEEDS : [told.speed, ...SPEEDS];
    if ($("speed").dataset.has !== options.join(" ")) {
      $("speed").dataset.has = options.join(" ");
      $("speed").replaceChildren(...options.map((speed) => el("option", { value: speed }, speed === "max" ? "max" : `${speed}×`)));
    }
    $("speed").value = told.speed;
  }
}

// --- what a person does

function tell(message, bad = false) {
  const told = $("told");
  told.textContent = message;
  told.dataset.bad = String(bad);
  told.classList.add("shown");
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => told.classList.remove("shown"), bad ? 12_000 : 6000);
}

async function act(path, done, body) {
  try {
    const reply = await post(path, body);
    if (done) tell(typeof done === "function" ? done(reply) : done);
    return reply;
  } catch (error) {
    tell(error.message, true);
    return null;
  } finally {
    asked = 0;
    state();
  }
}

function confirm(title, what, yes) {
  $("ask-title").textContent = title;
  $("ask-what").replaceChildren(...what.map((line) => el("li", {}, ...sentence(line))));
  $("ask-yes").textContent = yes;
  $("ask").returnValue = "";
  $("ask").showModal();
  return new Promise((resolve) => {
    $("ask").addEventListener("close", () => resolve($("ask").returnValue === "yes"), { once: true });
  });
}

function held() {
  const open = Object.entries(model.state?.books?.positions ?? {}).filter(([, each]) => each.qty);
  return open.map(([name, each]) => `${signed(each.qty)} ${name}`).join(", ");
}

// An open dialog takes all presses beside it, so each has a kill of its own.
const kills = document.querySelectorAll("[data-kill]");
for (const button of kills) button.addEventListener("click", kill);

function kill() {
  if (!operator()) {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    door("Kill needs an operator's key.");
    return;
  }
  act("api/live/kill", (reply) => (reply.acknowledged ? "Killed: the gate refuses every entry until it is armed. Open positions keep their stops." : "Written to the disk; the gate does not reply yet, and will find it."));
}

$("flatten").addEventListener("click", async () => {
  const working = model.state?.books?.working?.length ?? 0;
  const yes = await confirm("Flatten?", [
    held() ? `Closes ${held()} at the market.` : "No position is open in our books now. Whatever opens until then is closed.",
    working ? `Cancels ${working} working ${working === 1 ? "order" : "orders"}.` : "Cancels entries that still work; there is none now.",
    "Latches the kill switch: every entry is refused, across restarts, until somebody arms.",
  ], "Flatten now");
  if (yes) act("api/live/kill?flatten=true", "Flattening: the kill switch is latched, and the closes are on their way.");
});

$("arm").addEventListener("click", async () => {
  const risk = model.risk;
  const yes = await confirm("Arm?", [
    model.state?.killed ? "Releases the kill switch. Strategies may enter again from the next bar." : "The kill switch is not latched; arming accepts the venue's position where ours differs.",
    `Account ${model.hello.account || "none"}: ${held() || "flat"} in our books, ${money(risk?.realised_cents ?? 0)} on the day.`,
    "Our books take the venue's position where the two differ.",
  ], "Arm now");
  if (yes) act("api/live/arm", (reply) => (reply.risk?.state === "ACTIVE" || !reply.risk ? "Armed." : `Armed, but entries are still refused: ${words(reply.risk.reason)}.`));
});

// A run is up already; to start is to let it trade. The server compares this with what the run was started with, and names what differs.
$("start").addEventListener("click", async () => {
  let status;
  try {
    status = await get("api/live/status");
  } catch (error) {
    tell(error.message, true);
    return;
  }
  const limits = model.state?.limits ?? {};
  const size = limits.contracts;
  const names = (model.state?.strategies?.[chosen]?.running ?? []).map((each) => each.strategy);
  const yes = await confirm("Start trading?", [
    `Account ${status.account_id || "none"}, ${status.trade_enabled ? "orders are sent to it" : "trading is switched off in its settings: nothing is sent"}.`,
    `${status.symbol} with ${names.join(", ")} (preset ${model.hello.preset}).`,
    size ? `${size} ${size === 1 ? "contract" : "contracts"} an entry.` : "The size follows from the risk of each entry.",
    "Releases the kill switch. The first entry may come with the next bar.",
  ], "Start now");
  if (!yes) return;
  await act("api/live/start", (reply) => (reply.risk?.state === "ACTIVE" ? "Started." : `Started, but entries are still refused: ${words(reply.risk?.reason ?? "")}.`), {
    strategy_id: names[0] ?? "", account_id: status.account_id, symbol: status.symbol.split(", ")[0], ami_symbol: "",
    trade_enabled: status.trade_enabled, ...(size ? { trade_size: size } : {}),
  });
});

$("stop").addEventListener("click", async () => {
  const replays = model.hello.mode === "replay";
  const yes = await confirm(replays ? "Stop the replay?" : "Stop trading?", replays
    ? ["Ends the replay behind the bar that is being played.", "Its report covers what was played. It can not be played on."]
    : ["Latches the kill switch: no strategy enters until trading is started again.", held() ? `${held()} stays open, with its stop at the venue.` : "No position is open."], "Stop now");
  if (yes) act(replays ? "api/replay/stop" : "api/live/stop", "Stopped.");
});

const replay = (verb, argument = "") => act(`api/replay/${verb}?argument=${encodeURIComponent(argument)}`).then((told) => {
  if (told && told.status) {
    model.playback = told;
    soon();
  }
});
$("play").addEventListener("click", () => replay(model.playback?.status === "paused" ? "start" : "pause"));
$("step").addEventListener("click", () => replay("step", "1"));
$("speed").addEventListener("change", (event) => replay("speed", event.target.value));
$("seek").addEventListener("submit", (event) => {
  event.preventDefault();
  if ($("seek-to").value.trim()) replay("seek", $("seek-to").value.trim());
});

// --- sheets: why, and reports

function sheet(title, ...content) {
  $("sheet-title").textContent = title;
  $("sheet-body").replaceChildren(...content);
  if (!$("sheet").open) $("sheet").showModal();
  $("sheet-body").scrollTop = 0;
}

async function explain(id) {
  sheet(`Why ${id}`, el("p.soft", {}, "Reading the journal…"));
  try {
    const { steps } = await get(`explain/${encodeURIComponent(id)}`);
    sheet(`Why ${id}`, el("ol.story", {}, ...steps.map(step)));
  } catch (error) {
    sheet(`Why ${id}`, el("p.error", {}, error.message));
  }
}

// Which condition each strategy lacked, at the last bar and on the whole date: the date is decided again, beside the run.
async function whyNot() {
  const date = model.market(chosen).bars.at(-1)?.session;
  if (!date) {
    tell("No bar yet.");
    return;
  }
  const title = `Why no setup, ${chosen}, ${date}`;
  sheet(title, el("p.soft", {}, "Deciding the date again…"));
  try {
    const { strategies } = await get(`why/${date}?instrument=${encodeURIComponent(chosen)}`);
    sheet(title, ...strategies.map(panels.reasons));
  } catch (error) {
    sheet(title, el("p.error", {}, error.message));
  }
}
$("why").addEventListener("click", whyNot);

const KINDS = { bar: "Bar", session: "What was known of the session", intents: "A strategy proposes", decisions: "The gate decides", signal: "Signal", reject: "Refusal", place_order: "Order to the venue", close_position: "Close to the venue", move_bracket: "Move to the venue", order_event: "Order", fill: "Fill", position_changed: "Position", trade: "Trade", risk: "Account" };

function step(each) {
  const shown = each.shown ?? [];
  return el("li", { "data-kind": each.type },
    el("p", {}, el("time", {}, each.time.slice(11, 16) || each.time), el("b", {}, KINDS[each.type] ?? capital(words(each.type))), el("code.soft", {}, each.ref)),
    el("dl", {}, ...shown.map(([name, value]) => el("div", {}, el("dt", {}, name.replace(/_ns$/, "").replaceAll("_", " ").replaceAll(".", " › ")), el("dd", {}, valued(name, value))))));
}

// A value of the journal as a person reads it.
function valued(name, value) {
  if (name.endsWith("_ns")) return stamp(Number(BigInt(value) / 1_000_000n));
  return { True: "yes", False: "no" }[value] ?? value;
}

const STYLE = /<style>([^<]*)<\/style>/g;

// A day's report is a page of its own with its own style. It is shown inside a shadow root: the page's policy allows no inline style,
// but a style sheet that a script makes; no script of a report can run.
async function report(date) {
  sheet(`Report of ${date}`, el("p.soft", {}, "Reading…"));
  try {
    const written = await text(`days/${date}/report`);
    const style = [...written.matchAll(STYLE)].map((each) => each[1]).join("\n");
    const page = new DOMParser().parseFromString(written.replace(STYLE, ""), "text/html"); // the policy holds for what is parsed, too
    const sheets = new CSSStyleSheet();
    sheets.replaceSync(style.replaceAll(":root", ":host").replace(/(^|[\s,}])body(?=[\s,{])/g, "$1.body"));
    const host = el("div.report");
    const root = host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheets];
    const body = el("div.body");
    body.append(...page.body.children);
    root.append(body);
    sheet(`Report of ${date}`, host);
  } catch (error) {
    sheet(`Report of ${date}`, el("p.error", {}, error.message));
  }
}

// --- the key

function door(why = "") {
  $("door").hidden = false;
  $("desk").hidden = model.hello === null || why === "" || $("link").dataset.state !== "on";
  put($("door-error"), why);
  $("key").focus();
}

$("door-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const shown = $("key").value.trim();
  put($("door-error"), "");
  try {
    key.set(shown.includes(".") ? shown : (await post("page/key", { code: shown })).key); // a key has a point, a code none
  } catch (error) {
    put($("door-error"), capital(`${error.message}.`));
    return;
  }
  $("key").value = "";
  stream.close();
  stream.open();
});

$("values").addEventListener("click", (event) => {
  const on = $("strategy-list").classList.toggle("valued");
  event.currentTarget.setAttribute("aria-pressed", String(on));
});

$("leave").addEventListener("click", () => {
  key.forget();
  stream.close();
  location.reload();
});

document.addEventListener("visibilitychange", () => !document.hidden && soon());

if (key.get()) stream.open();
else door();
