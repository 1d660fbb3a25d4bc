// What lies over and under the bars: VWAP with bands, ranges, levels, the open position, trades, and the day type. One primitive of
// the chart library draws all of it from the bars themselves, so it cannot stand elsewhere than they do.

import { dayType } from "./words.js";

const LABEL_GAP = 12; // pixels between two labels
const MOST_SHIFT = 30;

// A line of the overlay: its group (what a person can switch off), how to read it from a bar, and how it looks.
const line = (group, name, read, colour, more = {}) => ({ group, name, read, colour, width: 1, dash: [], step: true, ...more });
const band = (name, factor) =>
  line("bands", name, (bar) => (bar.vwap !== null && bar.sigma !== null ? bar.vwap + factor * bar.sigma : null), "--vwap", { step: false, faint: true });
const level = (at, name) => line("levels", name, (bar) => bar.levels[at], "--level", { dash: [2, 3] });

export const LINES = [
  band("+2σ", 2), band("+1σ", 1), band("−1σ", -1), band("−2σ", -2),
  line("vwap", "VWAP", (bar) => bar.vwap, "--vwap", { width: 2, step: false }),
  line("ib", "IB high", (bar) => bar.ib && bar.ib[0], "--ib", { width: 1.5 }),
  line("ib", "IB low", (bar) => bar.ib && bar.ib[1], "--ib", { width: 1.5 }),
  line("or", "OR high", (bar) => bar.or && bar.or[0], "--or", { dash: [5, 3] }),
  line("or", "OR low", (bar) => bar.or && bar.or[1], "--or", { dash: [5, 3] }),
  level(0, "PDH"), level(1, "PDL"), level(2, "PDC"), level(3, "ON high"), level(4, "ON low"),
  level(5, "London high"), level(6, "London low"), level(7, "Asia high"), level(8, "Asia low"), level(9, "Pre high"), level(10, "Pre low"),
  line("position", "Stop", (bar) => bar.held && bar.held.stop, "--loss", { width: 2, dash: [6, 3], fits: true, axis: true }),
  line("position", "Target", (bar) => bar.held && bar.held.target, "--gain", { width: 2, dash: [6, 3], fits: true, axis: true }),
  line("position", "Entry", (bar) => bar.held && bar.held.price, "--ink", { dash: [1, 2], fits: true, axis: true }),
];
export const GROUPS = { vwap: "VWAP", bands: "Bands", ib: "IB", or: "OR", levels: "Levels" };

export class Overlay {
  constructor(colour) {
    this.colour = colour; // a CSS variable to a colour
    this.bars = [];
    this.trades = []; // {from, to, entry, exit, won}: indices and prices
    this.off = new Set();
    this.model = "edge";
    const view = (order, draw) => ({ zOrder: () => order, renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace(draw) }) });
    this.views = [
      view("bottom", (scope) => this.under(scope)),
      view("top", (scope) => this.over(scope)),
    ];
  }

  attached({ chart, series, requestUpdate }) {
    this.chart = chart;
    this.series = series;
    this.update = requestUpdate;
  }

  paneViews() {
    return this.views;
  }

  lines() {
    return LINES.filter((each) => !this.off.has(each.group));
  }

  // The scale shows the open position whole; averages, ranges and levels may lie beyond it.
  autoscaleInfo(from, to) {
    let low = Infinity, high = -Infinity;
    for (const each of this.lines()) {
      if (!each.fits) continue;
      for (let at = Math.max(0, Math.floor(from)); at <= Math.min(this.bars.length - 1, Math.ceil(to)); at += 1) {
        const price = each.read(this.bars[at]);
        if (price === null || price === undefined) continue;
        low = Math.min(low, price);
        high = Math.max(high, price);
      }
    }
    return low <= high ? { priceRange: { minValue: low, maxValue: high } } : null;
  }

  value(each, bar) {
    return each.read(bar) ?? null;
  }

  // Where indices and prices lie now. Both scales are straight lines.
  grid() {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (!range || !this.bars.length) return null;
    const x0 = this.chart.timeScale().logicalToCoordinate(0), x1 = this.chart.timeScale().logicalToCoordinate(1);
    const base = this.bars[this.bars.length - 1].close;
    const y0 = this.series.priceToCoordinate(base), y1 = this.series.priceToCoordinate(base * 1.001);
    if (x0 === null || x1 === null || y0 === null || y1 === null) return null;
    const slope = (y1 - y0) / (base * 0.001);
    return {
      first: Math.max(0, Math.floor(range.from) - 1), last: Math.min(this.bars.length - 1, Math.ceil(range.to) + 1),
      step: x1 - x0, x: (at) => x0 + at * (x1 - x0), y: (price) => y0 + (price - base) * slope,
    };
  }

  under({ context, mediaSize }) {
    const grid = this.grid();
    if (!grid) return;
    const look = (bar) => (bar.rth ? `--day-${dayType(this.model === "midpoint" ? bar.midpoint : bar.edge)[1]}` : "--quiet");
    for (let at = grid.first, from = at; at <= grid.last; at += 1) { // one field for all bars of a kind: no seams between them
      const kind = look(this.bars[at]);
      if (at < grid.last && look(this.bars[at + 1]) === kind) continue;
      context.fillStyle = this.colour(kind);
      context.fillRect(grid.x(from) - grid.step / 2, 0, grid.step * (at - from + 1), kind === "--quiet" ? mediaSize.height : 5);
      from = at + 1;
    }
  }

  over({ context, mediaSize }) {
    const grid = this.grid();
    if (!grid) return;
    const labels = [];
    for (const each of this.lines()) this.stroke(context, grid, each, labels);
    this.held(context, grid);
    this.label(context, grid, mediaSize, labels);
  }

  stroke(context, grid, each, labels) {
    context.save();
    context.strokeStyle = this.colour(each.colour);
    context.globalAlpha = each.faint ? 0.5 : 1;
    context.lineWidth = each.width;
    context.setLineDash(each.dash);
    context.beginPath();
    let before = null;
    for (let at = grid.first; at <= grid.last; at += 1) {
      const bar = this.bars[at], price = this.value(each, bar);
      if (price === null) {
        before = null;
        continue;
      }
      const x = grid.x(at), y = grid.y(price);
      if (before === null || before.session !== bar.session) context.moveTo(x, y);
      else {
        if (each.step && before.y !== y) context.lineTo(x, before.y);
        context.lineTo(x, y);
      }
      before = { y, session: bar.session };
    }
    context.stroke();
    context.restore();
    const last = Math.min(grid.last, this.bars.length - 1);
    const price = this.value(each, this.bars[last]);
    if (price !== null && each.group !== "position") labels.push({ text: each.name, y: grid.y(price), colour: each.colour });
  }

  // Closed trades, from entry to exit.
  held(context, grid) {
    context.save();
    context.lineWidth = 1.5;
    for (const trade of this.trades) {
      if (trade.to < grid.first || trade.from > grid.last) continue;
      context.strokeStyle = context.fillStyle = this.colour(trade.won ? "--gain" : "--loss");
      context.beginPath();
      context.moveTo(grid.x(trade.from), grid.y(trade.entry));
      context.lineTo(grid.x(trade.to), grid.y(trade.exit));
      context.stroke();
      context.beginPath();
      context.arc(grid.x(trade.to), grid.y(trade.exit), 3, 0, 7);
      context.fill();
    }
    context.restore();
  }

  // Names at the right end of the lines. One that finds no room near its line is left out, never cut.
  label(context, grid, size, labels) {
    context.save();
    context.font = "11px ui-sans-serif, system-ui, sans-serif";
    context.textBaseline = "middle";
    const x = grid.x(Math.min(grid.last, this.bars.length - 1)) + 8;
    let taken = -Infinity;
    for (const each of labels.filter((found) => found.y > 12 && found.y < size.height - 8).sort((a, b) => a.y - b.y)) {
      const y = Math.max(each.y, taken + LABEL_GAP);
      if (y - each.y > MOST_SHIFT || y > size.height - 8) continue;
      taken = y;
      const wide = context.measureText(each.text).width;
      const left = Math.min(x, size.width - wide - 4);
      context.globalAlpha = 0.85;
      context.fillStyle = this.colour("--panel");
      context.fillRect(left - 2, y - 6, wide + 4, 12);
      context.globalAlpha = 1;
      context.fillStyle = this.colour(each.colour);
      context.fillText(each.text, left, y);
    }
    context.restore();
  }
}
