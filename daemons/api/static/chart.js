// The chart of one instrument. The library's production build checks nothing, so what it gets is made right here: times are whole
// seconds that rise, a price format has the tick alone, and a bar that does not fit is never given to it.

import { CandlestickSeries, ColorType, createChart, createSeriesMarkers, CrosshairMode, HistogramSeries, LineStyle } from "./lightweight-charts.js";
import { indexOf } from "./model.js";
import { LINES, Overlay } from "./overlay.js";
import { clockOf, stampOf } from "./time.js";

const SHOWN = 150; // bars at first
const EXITS = { STOP: "Stop", TARGET: "Target", EXIT: "Exit", SESSION_END: "Close", FOREIGN: "Not ours" };

export class PriceChart {
  // `looked(bar)` is called with the bar under the pointer, or null; `picked(id)` with the order of a mark that was chosen.
  constructor(element, looked, picked) {
    this.element = element;
    this.market = null;
    this.colours = new Map();
    this.overlay = new Overlay((name) => this.colour(name));
    this.chart = createChart(element, { autoSize: true, ...this.look() });
    this.series(0.25);
    this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.86, bottom: 0 } });
    this.chart.priceScale("right").applyOptions({ scaleMargins: { top: 0.09, bottom: 0.18 }, minimumWidth: 78, entireTextOnly: true });
    this.chart.subscribeCrosshairMove((at) => looked(at.logical === undefined ? null : (this.market?.bars[at.logical] ?? null)));
    this.chart.subscribeClick((at) => at.hoveredObjectId && picked(at.hoveredObjectId));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.restyle());
    element.addEventListener("keydown", (event) => this.keyed(event));
  }

  // The bars of a tick. The library finds the decimals of a tick only when it makes a series: to one that is there it would go on to
  // print two (110.328125 as 110.25), so another tick has another series.
  series(tick) {
    if (this.candles) this.chart.removeSeries(this.candles);
    this.tick = tick;
    this.held = []; // the axis labels of the open position, with what they say
    this.candles = this.chart.addSeries(CandlestickSeries, { ...this.candleLook(), priceFormat: { type: "price", minMove: tick } });
    this.candles.attachPrimitive(this.overlay);
    this.marks = createSeriesMarkers(this.candles, []);
  }

  colour(name) {
    let found = this.colours.get(name);
    if (found === undefined) {
      found = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
      this.colours.set(name, found);
    }
    return found;
  }

  look() {
    return {
      layout: {
        background: { type: ColorType.Solid, color: this.colour("--panel") }, textColor: this.colour("--soft"), fontSize: 12,
        fontFamily: "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
        attributionLogo: false, // it would add a style to the page, which its policy refuses; the foot of the page names TradingView
      },
      grid: { vertLines: { color: this.colour("--grid") }, horzLines: { color: this.colour("--grid") } },
      crosshair: {
        mode: CrosshairMode.Normal,
        vertLine: { color: this.colour("--soft"), style: LineStyle.Dotted, labelBackgroundColor: this.colour("--soft-back") },
        horzLine: { color: this.colour("--soft"), style: LineStyle.Dotted, labelBackgroundColor: this.colour("--soft-back") },
      },
      rightPriceScale: { borderColor: this.colour("--line") },
      timeScale: {
        borderColor: this.colour("--line"), timeVisible: true, secondsVisible: false, rightOffset: 12, minBarSpacing: 0.4,
        tickMarkFormatter: (time, kind) => (kind < 3 ? stampOf(time).slice(0, -6) : clockOf(time)),
      },
      localization: { locale: "en-US", timeFormatter: (time) => `${stampOf(time)} New York` },
      handleScale: { axisPressedMouseMove: true },
    };
  }

  candleLook() {
    const up = this.colour("--up"), down = this.colour("--down");
    return { upColor: up, wickUpColor: up, borderUpColor: up, downColor: down, wickDownColor: down, borderDownColor: down };
  }

  restyle() {
    this.colours.clear();
    this.chart.applyOptions(this.look());
    this.candles.applyOptions(this.candleLook());
    if (this.market) this.market.whole = this.market.marked = true;
    this.draw(this.market, this.trades ?? []);
  }

  toggle(group, on) {
    if (on) this.overlay.off.delete(group);
    else this.overlay.off.add(group);
    this.overlay.update?.();
    this.candles.priceScale().applyOptions({}); // what the scale has to show has changed
  }

  show(market, tick) {
    if (tick !== this.tick) this.series(tick);
    market.whole = market.marked = true;
    this.placed = false;
    this.draw(market, []);
  }

  draw(market, trades) {
    this.trades = trades;
    if (!market) return;
    const { bars } = market;
    const other = this.market !== market;
    this.market = market;
    this.overlay.bars = bars;
    if (market.whole || other) {
      this.candles.setData(bars.map((bar) => this.candle(bar)));
      this.volume.setData(bars.map((bar) => this.bulk(bar)));
      if (!this.placed && bars.length) {
        this.placed = true;
        this.newest();
      }
    } else {
      for (const bar of bars.slice(bars.length - market.fresh)) {
        this.candles.update(this.candle(bar));
        this.volume.update(this.bulk(bar));
      }
    }
    if (market.marked || market.awaited || market.whole || other) this.mark(market, trades);
    market.whole = market.marked = false;
    market.fresh = 0;
    this.axis(bars.at(-1));
    this.overlay.update?.();
  }

  // Stop, target and entry on the axis, while a position is open.
  axis(last) {
    const wanted = last ? LINES.filter((each) => each.axis && (each.read(last) ?? null) !== null) : [];
    for (const [each, made] of this.held.filter(([each]) => !wanted.includes(each))) {
      this.candles.removePriceLine(made);
      this.held = this.held.filter(([other]) => other !== each);
    }
    for (const each of wanted) {
      const found = this.held.find(([other]) => other === each);
      const options = { price: each.read(last), color: this.colour(each.colour), lineVisible: false, axisLabelVisible: true, axisLabelTextColor: this.colour("--panel") };
      if (found) found[1].applyOptions(options);
      else this.held.push([each, this.candles.createPriceLine(options)]);
    }
  }

  candle({ time, open, high, low, close }) {
    return { time, open, high, low, close };
  }

  bulk({ time, open, close, volume }) {
    return { time, value: volume, color: this.colour(close >= open ? "--bulk-up" : "--bulk-down") };
  }

  mark(market, trades) {
    const { bars } = market;
    const last = bars.at(-1)?.ms ?? 0;
    market.awaited = market.fills.at(-1)?.at > last; // a fill is told before the bar that it happened in
    const marks = [];
    for (const fill of market.fills) {
      const at = indexOf(bars, fill.at);
      if (at < 0) continue;
      const entry = fill.role === "ENTRY", buys = fill.qty > 0;
      marks.push({
        time: bars[at].time, id: fill.order_id,
        position: buys ? "belowBar" : "aboveBar", shape: entry ? (buys ? "arrowUp" : "arrowDown") : "square",
        color: this.colour(entry ? "--ink" : fill.role === "STOP" ? "--loss" : "--gain"), size: entry ? 1.2 : 0.7,
        text: entry ? `${buys ? "Long" : "Short"} ${Math.abs(fill.qty)}` : (EXITS[fill.role] ?? fill.role),
      });
    }
    this.marks.setMarkers(marks.sort((a, b) => a.time - b.time));
    this.overlay.trades = trades
      .filter((trade) => trade.instrument === market.name)
      .map((trade) => ({
        from: indexOf(bars, Math.round(trade.entry_ns / 1e6)), to: indexOf(bars, Math.round(trade.exit_ns / 1e6)),
        entry: trade.entry_price, exit: trade.exit_price, won: trade.net_cents > 0,
      }))
      .filter((trade) => trade.from >= 0 && trade.to >= 0);
  }

  newest() {
    const count = this.market.bars.length;
    const shown = Math.max(40, Math.min(SHOWN, Math.floor(this.element.clientWidth / 6)));
    this.chart.timeScale().setVisibleLogicalRange({ from: count - shown, to: count + 12 });
  }

  keyed(event) {
    const scale = this.chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!range || event.ctrlKey || event.metaKey || event.altKey) return;
    const wide = range.to - range.from;
    const moves = { ArrowLeft: -wide / 8, ArrowRight: wide / 8 };
    const zooms = { "+": 0.8, "=": 0.8, "-": 1.25 };
    if (moves[event.key]) scale.setVisibleLogicalRange({ from: range.from + moves[event.key], to: range.to + moves[event.key] });
    else if (zooms[event.key]) scale.setVisibleLogicalRange({ from: range.to - wide * zooms[event.key], to: range.to });
    else if (event.key === "End") this.newest();
    else return;
    event.preventDefault();
  }

  // Times and orders of the marks that the library holds, for tests.
  marked() {
    return this.marks.markers().map(({ time, id }) => ({ time, id }));
  }

  // What the library holds and would print, for tests: it may differ from what it was given.
  drawn() {
    const format = this.candles.priceFormatter();
    return this.candles.data().map((bar) => ({ ...bar, printed: format.format(bar.close) }));
  }
}
