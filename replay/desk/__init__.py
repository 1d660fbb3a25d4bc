"""The desk of a researcher: `import tapewire`, run a backtest, look at its tables and figures.

    run = tapewire.backtest("recordings", instrument="MNQ", preset="seed")
    run.trades, run.equity, run.sessions, run.signals, run.proposals    # pandas, times in New York
    run.stats                                                           # figures, see numbers.py
    run.report()                                                        # the page, shown inside Jupyter
    run.explain(run.trades.id.iloc[0])

`research` has `tapewire.sweep`, `walk_forward`, `lookahead` and `compare`, `train` has `tapewire.train`. It runs the same cores and
leaves the same files as the commands, which are thin shells over it. Nothing is imported here: the report of a live day needs the
figures alone.
"""
