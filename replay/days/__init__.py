"""A folder per trading day: what a run's journal tells of it, as files for a person (`days/YYYY/MM/DD/` in the run's folder).

    session_init.json     levels, calendar, settings and versions
    bars.csv              timestamp (the close, UTC), open, high, low, close, volume
    bars_flow.csv         the same bars' order flow; an empty cell is unknown, never 0
    signals.jsonl         one line per approved intent, as a backtest writes it
    rejects.jsonl         one line per refused intent
    trades.jsonl          one line per finished trade, as a backtest writes it, and when each step happened
    performance.json      what the day brought; `closed` once it is over
    report.html           the report of a run, of this day alone
    stamps.jsonl          when this machine saw each signal, order, acknowledgement and fill
    latency.jsonl         when each stage began and ended its work for each bar

`book` folds facts into days, and `files` (with `live` and `sums`) turns a day into the content of its files; all are pure. `follow`
reads the journal, `folders` writes, and `process` is the daemon around them. A day can be written again at any time and is
the same then; only the stamps of messages that passed while the daemon did not run are null.
"""
