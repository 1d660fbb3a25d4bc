"""The page's style: one column, one accent per meaning, light or dark as the reader's system is set."""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --panel: #ffffff; --ink: #20262c; --soft: #68727c; --faint: #e6e4de; --grid: #efede8;
  --gain: #1f7a63; --loss: #b0452f; --up: #4f9c88; --down: #c9735e; --vwap: #5a55b8; --ib: #b58a2a; --ib-field: #b58a2a14;
  --volume: #d5d8d8; --area: #20262c10;
  --calm: #e9ecee; --bull: #d7ebe4; --bulls: #b4dccf; --bear: #f5dfd8; --bears: #eac0b3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --panel: #1b1f23; --ink: #e4e7e9; --soft: #949da6; --faint: #2c3238; --grid: #252a30;
    --gain: #5cc4a5; --loss: #ea8a72; --up: #4c9a85; --down: #c06b56; --vwap: #9d99f2; --ib: #d9b45a; --ib-field: #d9b45a12;
    --volume: #363d44; --area: #e4e7e90f;
    --calm: #2a3036; --bull: #203a34; --bulls: #25564a; --bear: #43291f; --bears: #623527;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; }
main { max-width: 1180px; margin: 0 auto; padding: 44px 28px 72px; }
h1 { font-size: 27px; line-height: 1.2; letter-spacing: -.015em; margin: 0 0 6px; font-weight: 650; }
h2 { font-size: 17px; letter-spacing: -.005em; margin: 52px 0 12px; font-weight: 650; }
h3 { font-size: 15px; margin: 0; font-weight: 650; }
p { margin: 0 0 10px; max-width: 78ch; }
.soft, .facts, figcaption, .note { color: var(--soft); }
.facts { margin: 0; max-width: none; }
.facts b { color: var(--ink); font-weight: 550; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 1px; margin: 30px 0 0; padding: 0;
  background: var(--faint); border: 1px solid var(--faint); border-radius: 10px; overflow: hidden; }
.figures div { background: var(--panel); padding: 15px 18px 14px; }
.figures dt { color: var(--soft); font-size: 13px; }
.figures dd { margin: 2px 0 0; font-size: 23px; font-weight: 600; letter-spacing: -.02em; line-height: 1.25; }
.figures small { display: block; font-size: 12.5px; font-weight: 400; letter-spacing: 0; color: var(--soft); }
.gain { color: var(--gain); } .loss { color: var(--loss); }
figure, .panel { margin: 0 0 22px; padding: 16px 18px;
  background: var(--panel); border: 1px solid var(--faint); border-radius: 10px; }
.title { display: flex; flex-wrap: wrap; gap: 2px 18px; align-items: baseline; margin-bottom: 10px; }
.title span { color: var(--soft); }
.title .gain { color: var(--gain); } .title .loss { color: var(--loss); }
figcaption { font-size: 13px; margin-top: 8px; display: flex; flex-wrap: wrap; gap: 2px 20px; }
.key::before { content: ""; display: inline-block; width: 16px; height: 0; margin-right: 7px; vertical-align: 4px;
  border-top: 2px solid; }
.key.k-vwap::before { border-color: var(--vwap); } .key.k-ib::before { border-color: var(--ib); }
.key.k-stop::before { border-color: var(--loss); border-top-style: dashed; }
.key.k-target::before { border-color: var(--gain); border-top-style: dashed; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 0 22px; align-items: start; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
caption { text-align: left; font-weight: 650; padding: 0 0 8px; }
th, td { text-align: left; padding: 6px 14px 6px 0; border-top: 1px solid var(--faint); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; font-size: 13px; border-top: 0; }
th.n, td.n { text-align: right; }
th:last-child, td:last-child { padding-right: 0; }
td.wide { white-space: normal; }
.none { color: var(--soft); }
.plot { overflow-x: auto; }
svg.chart { display: block; width: 100%; min-width: 720px; height: auto; }
svg text { font-size: 11px; fill: var(--soft); }
svg path { fill: none; }
.grid { stroke: var(--grid); } .rule { stroke: var(--faint); }
.zero { stroke: var(--soft); stroke-opacity: .55; }
.equity { stroke: var(--ink); stroke-width: 1.7; stroke-linejoin: round; }
svg .equity-area { fill: var(--area); }
.dot { fill: var(--panel); stroke: var(--ink); stroke-width: 1.3; }
.ib { fill: var(--ib-field); } .ib-edge { stroke: var(--ib); stroke-width: 1.1; }
.ib-mid { stroke: var(--ib); stroke-dasharray: 2 4; }
svg .ib-name { fill: var(--ib); text-anchor: end; font-size: 10px; letter-spacing: .04em;
  stroke: var(--panel); stroke-width: 3px; paint-order: stroke; }
.vwap { stroke: var(--vwap); stroke-width: 1.5; stroke-linejoin: round; }
.wick { stroke-width: .9; } .wick.up { stroke: var(--up); } .wick.down { stroke: var(--down); }
svg .body.up { fill: var(--up); } svg .body.down { fill: var(--down); }
svg .volume { fill: var(--volume); }
.type { fill: var(--calm); }
.p_day { fill: var(--bull); } .trend_up, .super_trend_up { fill: var(--bulls); }
.b_day_bear { fill: var(--bear); } .trend_down, .super_trend_down { fill: var(--bears); }
svg .type-name { font-size: 9.5px; letter-spacing: .02em; pointer-events: none; }
.stop { stroke: var(--loss); stroke-dasharray: 4 3; } .target { stroke: var(--gain); stroke-dasharray: 4 3; }
.held { stroke-width: 1.3; stroke-dasharray: 1 3; stroke-linecap: round; }
svg .entry, svg .exit { stroke: var(--panel); stroke-width: 1.2; paint-order: stroke; }
.win .held { stroke: var(--gain); } .lose .held { stroke: var(--loss); }
svg .win .entry, svg .lose .entry { fill: var(--ink); }
svg .win .exit { fill: var(--gain); } svg .lose .exit { fill: var(--loss); }
.trade:hover .held { stroke-width: 2.4; stroke-dasharray: none; }
@media print { body { background: #fff; } figure, .panel { break-inside: avoid; } }
"""
