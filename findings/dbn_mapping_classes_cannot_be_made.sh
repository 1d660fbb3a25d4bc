#!/usr/bin/env bash
# databento-dbn exports classes for a file's symbol mappings that nobody can make: they are protocols, and lists of look-alikes are wanted.
#
# Versions: databento-dbn 0.72.0, CPython 3.11, Linux x86-64.
#
# Behaviour: Metadata takes `mappings`, and the package exports SymbolMapping and MappingInterval with documented fields, as it does the
# record classes, which are made by calling them. Calling these two raises TypeError (protocols cannot be instantiated). What works is any
# object with the same attributes, a SimpleNamespace for instance, two levels deep; what comes back when the bytes are decoded is a dict,
# not one of the two classes either: a mapping is a list under its raw symbol, an interval a dict of start_date, end_date and symbol.
#
# Output seen:
#   SymbolMapping: TypeError Protocols cannot be instantiated
#   MappingInterval: TypeError Protocols cannot be instantiated
#   a look-alike is encoded, and decoded as: {'NQH7': [{'start_date': datetime.date(2027, 1, 4), 'end_date': datetime.date(2027, 3, 19), 'symbol': '42'}]}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'databento-dbn==0.72.0'
cat > "$folder/try.py" <<'PY'
import datetime as dt
import sys
from types import SimpleNamespace

import databento_dbn as dbn

FIRST, LAST = dt.date(2027, 1, 4), dt.date(2027, 3, 19)
given = {"SymbolMapping": {"raw_symbol": "NQH7", "intervals": []}, "MappingInterval": {"start_date": FIRST, "end_date": LAST, "symbol": "42"}}
seen = []
for name, fields in given.items():
    try:
        getattr(dbn, name)(**fields)
        seen.append(f"{name}: made")
    except TypeError as error:
        seen.append(f"{name}: TypeError {error}")
    print(seen[-1])
alike = SimpleNamespace(raw_symbol="NQH7", intervals=[SimpleNamespace(**given["MappingInterval"])])
metadata = dbn.Metadata(
    dataset="GLBX.MDP3",
    start=1_801_436_400_000_000_000,
    stype_in=dbn.SType.RAW_SYMBOL,
    stype_out=dbn.SType.INSTRUMENT_ID,
    schema=dbn.Schema.OHLCV_1M,
    symbols=["NQH7"],
    partial=[],
    not_found=[],
    mappings=[alike],
)
back = dbn.Metadata.decode(metadata.encode()).mappings
print("a look-alike is encoded, and decoded as:", back)
fine = all("Protocols cannot be instantiated" in line for line in seen)
sys.exit(0 if fine and back == {"NQH7": [given["MappingInterval"]]} else "the behaviour has changed")
PY
timeout 60 "$folder/venv/bin/python" "$folder/try.py"
