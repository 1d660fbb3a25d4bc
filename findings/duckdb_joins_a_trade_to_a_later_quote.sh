#!/usr/bin/env bash
# duckdb 2.0.1 cuts a frame's times to microseconds if they have a zone, and not if they have none: a trade is joined to a later quote.
#
# Versions: duckdb 2.0.1, pandas 2.3.3, numpy 2.2.6, CPython 3.11, Linux x86-64.
#
# Behaviour: a pandas column of datetime64[ns] is TIMESTAMP_NS in a query. The same column with a zone, which is the careful way to keep it,
# is TIMESTAMP WITH TIME ZONE, in microseconds, without a word, although the database has a type with both since 2.0 and takes an Arrow
# table's or a Parquet file's column for it. Events within a microsecond become equal: counts of distinct times, their order, and
# what an ASOF join finds. Here a trade gets a quote that came 400 nanoseconds after it, which is looking ahead. And a result of the type
# with both comes back to pandas without its zone. Known since 2023 for the time before there was such a type (pull request 8620).
#
# Output seen (a quote at 500 ns past the minute, trades at 100 and 900):
#   without a zone: TIMESTAMP_NS, quotes found: none, 99; with UTC: TIMESTAMP WITH TIME ZONE, quotes found: 99, 99
#   TIMESTAMPTZ_NS comes back as datetime64[ns], TIMESTAMP WITH TIME ZONE as datetime64[us, Etc/UTC]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check 'duckdb==2.0.1' 'pandas==2.3.3' 'numpy==2.2.6'
cat > "$folder/try.py" <<'PY'
import sys

import duckdb
import pandas

MINUTE = pandas.Timestamp("2026-01-05 14:30:00")
JOIN = "SELECT typeof(trades.at), bid FROM trades ASOF LEFT JOIN quotes ON trades.at >= quotes.at ORDER BY number"


def joined(zone: str | None) -> tuple[str, list[float | None]]:
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    for name, moments, column in (("trades", (100, 900), {"number": [1, 2]}), ("quotes", (500,), {"bid": [99]})):
        times = pandas.DatetimeIndex([MINUTE + pandas.Timedelta(moment, "ns") for moment in moments]).tz_localize(zone)
        database.register(name, pandas.DataFrame({"at": times} | column))
    rows = database.execute(JOIN).fetchall()
    return rows[0][0], [bid for _, bid in rows]


seen = {name: joined(zone) for name, zone in (("without a zone", None), ("with UTC", "UTC"))}
words = (f"{name}: {kind}, quotes found: {', '.join(str(bid or 'none') for bid in bids)}" for name, (kind, bids) in seen.items())
print("; ".join(words))
back = [str(duckdb.sql(f"SELECT '{MINUTE}+00'::{kind} AS at").df()["at"].dtype) for kind in ("TIMESTAMPTZ_NS", "TIMESTAMPTZ")]
print(f"TIMESTAMPTZ_NS comes back as {back[0]}, TIMESTAMP WITH TIME ZONE as {back[1]}")
right, wrong = (bids for _, bids in seen.values())
sys.exit(0 if right == [None, 99] and wrong == [99, 99] and back[0] == "datetime64[ns]" else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
