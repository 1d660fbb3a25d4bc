#!/usr/bin/env bash
# NautilusTrader 1.231.0: BarDataWrangler takes no frame whose columns are all floats, with the pandas 3 that it asks for.
#
# Versions: nautilus_trader 1.231.0, pandas 3.1.1, numpy 2.5.5, CPython 3.12, Linux x86-64.
#
# Behaviour: `process` hands each row of `DataFrame.values` to a function that takes `double[:]`, a memory view that may write. pandas 3 copies
# on write, so the values of a frame of one kind are a read-only view, and the call ends with a ValueError of Cython. Open, high, low, close and
# volume as floats are what the documentation asks for and most files give. Where one column is of another kind, such as a volume of
# integers, `values` is a copy, and the same bars are taken. The package requires pandas >= 2.3.3, < 4, so a plain install gets pandas 3.
#
# Output seen:
#   volume as float64: ValueError: buffer source array is read-only; as int64: 3 bars
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.12}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'nautilus_trader==1.231.0' 'pandas==3.1.1' 'numpy==2.5.5'
cat > "$folder/try.py" <<'PY'
import sys

import pandas
from nautilus_trader.model.data import BarType
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider

instrument = TestInstrumentProvider.default_fx_ccy("EUR/USD")
minutes = pandas.date_range("2026-03-02 14:31", periods=3, freq="min", tz="UTC")
bars = pandas.DataFrame({"open": 1.1, "high": 1.2, "low": 1.0, "close": 1.1, "volume": 100.0}, index=minutes)
wrangler = BarDataWrangler(BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL"), instrument)


def taken(frame: pandas.DataFrame) -> str:
    try:
        return f"{len(wrangler.process(frame))} bars"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


seen = [taken(bars), taken(bars.astype({"volume": "int64"}))]
print(f"volume as float64: {seen[0]}; as int64: {seen[1]}")
sys.exit(0 if seen == ["ValueError: buffer source array is read-only", "3 bars"] else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
