// What a reader does with a page that is complete without it: sort, search, leaf, choose dates, choose what a sweep's map shows.
// Text comes from the page or from its data, and is only ever set as text.

const PAGE = 100;
const MINUS = "\u2212";
const data = JSON.parse(document.getElementById("data")?.textContent ?? "{}");

function el(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

// `+$1,234.50`, `52.5%`, `10:45` as numbers; a dash is none, and comes last.
function number(text) {
  const bare = text.replaceAll(MINUS, "-").replace(/[$,%+:]/g, "").trim();
  return bare === "" || Number.isNaN(Number(bare)) ? null : Number(bare);
}

function compare(a, b, numeric, sign) {
  const [first, second] = numeric ? [number(a), number(b)] : [a, b];
  if (first === second) return 0;
  if (first === null || second === null) return first === null ? 1 : -1;
  return (first < second ? -1 : 1) * sign;
}

// A table is sorted by its heads, or by a choice where a phone has no room for them. rows(): what there is to sort; show(rows) puts
// them in. Returns the choice.
function sorts(table, rows, show) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const numeric = head.classList.contains("n");
    const button = el("button", { type: "button" }, ...head.childNodes);
    head.dataset.name = button.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const rising = head.hasAttribute("aria-sort") ? head.getAttribute("aria-sort") === "descending" : !numeric;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const sorted = rows().map((row, at) => [row, at]);
      sorted.sort(([a, x], [b, y]) => compare(a.cells[column], b.cells[column], numeric, rising ? 1 : -1) || x - y);
      show(sorted.map(([row]) => row));
    });
  });
  const choice = el("select", {}, el("option", { value: "" }, "as listed"));
  heads.forEach((head, at) => ["rising", "falling"].forEach((way) =>
    choice.append(el("option", { value: `${at} ${way}` }, `${head.textContent}, ${way}`))));
  choice.options[0].disabled = true;
  choice.addEventListener("change", () => {
    const [at, way] = choice.value.split(" ");
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    heads[at].setAttribute("aria-sort", way === "rising" ? "descending" : "ascending");
    heads[at].querySelector("button").click();
  });
  return el("label", { class: "order" }, "Sort by", choice);
}

function plain(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((line) => ({ line, cells: [...line.cells].map((cell) => cell.textContent) }));
  if (rows.length < 2) return;
  const order = sorts(table, () => rows, (sorted) => body.replaceChildren(...sorted.map((row) => row.line)));
  if (table.classList.contains("cards")) table.before(el("div", { class: "tools order" }, order));
}

// The trades: all of them are in the data, a page of them in the table.
function trades(table) {
  const heads = [...table.tHead.rows[0].cells].map((head) => ({ name: head.textContent, kind: head.className }));
  const all = data.trades.map((cells) => ({ cells, words: cells.join(" ").toLowerCase() }));
  let [sorted, at, chosen] = [all, 0, all];

  const words = el("input", { type: "search", placeholder: "strategy, exit, id …" });
  const dates = [data.sessions[0], data.sessions.at(-1)];
  const from = el("input", { type: "date", value: dates[0], min: dates[0], max: dates[1] });
  const to = el("input", { type: "date", value: dates[1], min: dates[0], max: dates[1] });
  const whole = el("button", { type: "button" }, "All dates");
  const range = el("div", { class: "tools" }, el("label", {}, "From", from), el("label", {}, "To", to), whole);
  document.getElementById("equity").before(range);
  table.before(el("div", { class: "tools" }, el("label", {}, "Search", words)));
  const told = el("output", { "aria-live": "polite" });
  const buttons = ["First", "Previous", "Next", "Last"].map((name) => el("button", { type: "button" }, name));
  const [first, back, next, last] = buttons;
  table.after(el("nav", { class: "leaf", "aria-label": "Pages of the trades" }, first, back, told, next, last));
  document.querySelectorAll(".static").forEach((each) => each.remove());

  function body({ cells }) {
    const tds = heads.map(({ name, kind }, column) => el("td", { class: kind || null, "data-label": name }, cells[column]));
    const net = tds.at(-1);
    net.replaceChildren(el("span", { class: net.textContent.startsWith(MINUS) ? "loss" : "gain" }, net.textContent));
    const why = el("td", { colspan: heads.length }, el("span", {}, cells.at(-2)), " ", el("code", {}, cells.at(-1)));
    return el("tbody", {}, el("tr", {}, ...tds), el("tr", { class: "more" }, why));
  }

  function show() {
    const end = Math.max(0, Math.ceil(chosen.length / PAGE) - 1);
    at = Math.min(Math.max(at, 0), end);
    for (const old of [...table.tBodies]) old.remove();
    table.append(...chosen.slice(at * PAGE, (at + 1) * PAGE).map(body));
    const net = chosen.reduce((sum, row) => sum + Math.round(number(row.cells[heads.length - 1]) * 100), 0) / 100;
    const sum = `${net < 0 ? MINUS : net > 0 ? "+" : ""}$${Math.abs(net).toLocaleString("en-US", { minimumFractionDigits: 2 })}`;
    const span = chosen.length ? `${at * PAGE + 1} to ${Math.min((at + 1) * PAGE, chosen.length)} of ` : "";
    told.replaceChildren(`${span}${chosen.length.toLocaleString("en-US")} trades, net `, el("span", { class: "whole" }, sum));
    first.disabled = back.disabled = at === 0;
    next.disabled = last.disabled = at === end;
  }

  function choose() {
    const wanted = words.value.trim().toLowerCase();
    const [start, end] = [from.value || dates[0], to.value || dates[1]];
    chosen = sorted.filter((row) => row.cells[0] >= start && row.cells[0] <= end && row.words.includes(wanted));
    at = 0;
    show();
  }

  // Outside of the chosen dates the curves are pale, and the sessions are not listed.
  function limit() {
    const [start, end] = [from.value || dates[0], to.value || dates[1]];
    for (const day of document.querySelectorAll("details.day")) day.hidden = day.dataset.session < start || day.dataset.session > end;
    const size = data.sessions.length;
    const left = data.sessions.filter((day) => day < start).length / size;
    const right = data.sessions.filter((day) => day <= end).length / size;
    for (const marks of document.querySelectorAll("#equity .marks")) {
      marks.querySelectorAll(".outside").forEach((each) => each.remove());
      for (const [x, width] of [[0, left], [right, 1 - right]]) {
        if (width <= 0) continue;
        const pale = document.createElementNS("http://www.w3.org/2000/svg", "rect");
        const places = { class: "outside", x: `${x * 100}%`, y: 0, width: `${width * 100}%`, height: "100%" };
        for (const [name, value] of Object.entries(places)) pale.setAttribute(name, value);
        marks.append(pale);
      }
    }
    choose();
  }

  words.closest(".tools").append(sorts(table, () => sorted, (rows) => { sorted = rows; choose(); }));
  words.addEventListener("input", choose);
  from.addEventListener("change", limit);
  to.addEventListener("change", limit);
  whole.addEventListener("click", () => { [from.value, to.value] = dates; limit(); });
  [[first, () => 0], [back, () => at - 1], [next, () => at + 1], [last, () => Infinity]].forEach(([button, place]) =>
    button.addEventListener("click", () => { at = place(); show(); }));
  show();
}

// All sessions of a list at once, such as before printing.
function days(list) {
  const each = () => [...list.querySelectorAll("details.day:not([hidden])")];
  if (each().length < 2) return;
  const open = el("button", { type: "button" }, "Open all");
  const close = el("button", { type: "button" }, "Close all");
  open.addEventListener("click", () => each().forEach((day) => { day.open = true; }));
  close.addEventListener("click", () => each().forEach((day) => { day.open = false; }));
  list.querySelector("h2").after(el("div", { class: "tools" }, open, close));
}

// The map of a sweep: another metric, or another slice through settings that it does not show.
function map(figure) {
  const name = figure.querySelector("h3");
  const metric = el("select", {}, ...data.metrics.map((each, at) => el("option", { value: at }, each.name)));
  const slices = data.fixed.map((axis) => {
    const select = el("select", {}, ...axis.values.map((value, at) => el("option", { value: at }, value)));
    select.value = axis.at;
    return select;
  });
  const labels = data.fixed.map((axis, at) => el("label", {}, axis.name, slices[at]));
  const cells = [...figure.querySelectorAll("td[data-step]")];
  function show() {
    const { name: words, shown, kinds } = data.metrics[metric.value];
    const first = data.fixed.reduce((sum, axis, at) => sum + axis.stride * Number(slices[at].value), 0);
    name.textContent = words;
    for (const cell of cells) {
      const at = first + Number(cell.dataset.step);
      cell.textContent = shown[at];
      cell.className = kinds[at];
      cell.classList.toggle("best-in", at === data.best.in);
      cell.classList.toggle("best-all", at === data.best.all);
    }
  }
  figure.querySelectorAll(".static").forEach((each) => each.remove());
  name.after(el("div", { class: "tools" }, el("label", {}, "Metric", metric), ...labels));
  for (const select of [metric, ...slices]) select.addEventListener("change", show);
}

document.querySelectorAll("#map").forEach(map);
for (const table of document.querySelectorAll("table.sorts")) (table.dataset.rows === "trades" ? trades : plain)(table);
document.querySelectorAll(".days").forEach(days);
