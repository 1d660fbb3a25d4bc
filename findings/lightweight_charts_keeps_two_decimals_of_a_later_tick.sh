#!/usr/bin/env bash
# lightweight-charts 5.2.1 finds the decimals of `minMove` when a series is made, and not when it is changed: prices are printed wrong.
#
# Versions: lightweight-charts 5.2.1 (standalone production build), Chromium 156, Linux x86-64.
#
# Behaviour: `addSeries(..., {priceFormat: {type: "price", minMove: 1/64}})` prints 110.328125. A series that was made without it and gets
# the same by `applyOptions` keeps `precision: 2` beside the new minMove, and prints 110.25: another price, without an error or a warning.
# The documentation calls both ways the same. So make the series with its tick, and another tick another series.
#
# Output seen:
#   made: 110.328125, changed: 110.25
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm pack --silent lightweight-charts@5.2.1 > /dev/null
tar xzf lightweight-charts-5.2.1.tgz
cat > try.html <<'HTML'
<!doctype html><pre id="said"></pre>
<script src="package/dist/lightweight-charts.standalone.production.js"></script>
<script>
  const { createChart, CandlestickSeries } = LightweightCharts;
  const chart = createChart(document.createElement("div"));
  const made = chart.addSeries(CandlestickSeries, { priceFormat: { type: "price", minMove: 1 / 64 } });
  const changed = chart.addSeries(CandlestickSeries);
  changed.applyOptions({ priceFormat: { type: "price", minMove: 1 / 64 } });
  const print = (series) => series.priceFormatter().format(110.328125);
  document.getElementById("said").textContent = `made: ${print(made)}, changed: ${print(changed)}`;
</script>
HTML
said=$(timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$folder/profile" --dump-dom "file://$folder/try.html" 2> /dev/null \
    | sed -n 's/.*<pre id="said">\(.*\)<\/pre>.*/\1/p')
echo "$said"
[ "$said" = "made: 110.328125, changed: 110.25" ] || { echo "the behaviour has changed"; exit 1; }
