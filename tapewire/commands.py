"""Every command of tapewire: the module that registers it, and its line in `tapewire --help`.

So the program shows its commands, and runs one of them, without importing the others: imports are most of a short command's time.
`tests/unit/test_command_line.py` proves that each line is the first sentence of its command. Other packages add commands by the
entry point group `tapewire.commands`, whose object is a function `register(app)` as these modules have it.
"""

from __future__ import annotations

from collections.abc import Mapping

COMMANDS: Mapping[str, Mapping[str, str]] = {
    "daemons.operator.commands": {
        "up": "Start the supervised daemons of the live configuration.",
        "down": "Stop the daemons and supervisord.",
        "status": "Show each daemon's pid, uptime, heartbeat age and last number, and the bridge's counters; of every "
        "run that is up.",
        "tap": "Print decoded messages as they pass, with market time in New York.",
        "doctor": "Check every hop, file, port and clock, up to NinjaTrader, and name the broken one.",
    },
    "daemons.operator.kill": {
        "kill": "Latch the kill switch: the gate refuses entries until `tapewire arm`, also after restarts.",
        "arm": "Release the kill switch and accept the venue's position where ours differs.",
    },
    "daemons.operator.send": {
        "send": "Request a trade, or close or move what a signal has opened.",
        "ingress": "Show external signals and their states.",
    },
    "daemons.operator.ready": {
        "ready": "Show whether an entry could be traded now: platform, account, data, orders, position.",
    },
    "daemons.operator.page": {
        "open": "Open the page of a run in the browser.",
    },
    "daemons.operator.keys": {
        "keys": "The keys of a run: who may connect, and what each may do.",
    },
    "daemons.operator.accounts": {
        "accounts": "List NinjaTrader's accounts: kind, connection, cash, profit, and whether they may trade.",
    },
    "daemons.operator.alert": {
        "alert": "Alerts: channels, what was told, and a try.",
    },
    "daemons.operator.ask": {
        "ask": "Ask a service one verb, and print its reply as JSON.",
    },
    "daemons.operator.subscribers": {
        "subscribers": "Who follows the public signals: keys, tiers, ends.",
    },
    "daemons.operator.audit": {
        "audit": "Follow a feed line by line: exit status 1, and the place, where a line was altered, left out, put "
        "in, moved or cut off.",
    },
    "daemons.operator.anchor": {
        "anchor": "Write the head that closes each trade date of the public feed as a file that OpenTimestamps can date.",
    },
    "daemons.operator.relay": {
        "relay": "Take a subscriber's stream and serve it on, byte for byte, until Ctrl-C or SIGTERM.",
    },
    "daemons.operator.install": {
        "bridge": "The bridge in NinjaTrader.",
    },
    "daemons.operator.schedule": {
        "schedule": "Start by itself on trading days.",
    },
    "daemons.operator.upkeep": {
        "restart": "Stop one daemon in order, start it, and wait until it is ready.",
        "logs": "Print the last lines of the daemons' logs; times are UTC.",
    },
    "daemons.operator.prune": {
        "prune": "Compress the older days of a run's journal and remove the oldest; a dry run without --yes.",
    },
    "daemons.operator.new_strategy": {
        "new-strategy": "Make a folder with a strategy of your own: installable, with a test that passes, its preset, and the "
        "steps to take.",
    },
    "replay.data": {
        "data": "Recordings: what is in them, and in tapewire's own form.",
    },
    "replay.days.commands": {
        "day": "Show a trading day: levels, bars, signals, refusals, trades and result, from its folder.",
        "month": "Show a month: its days, and results by strategy, exit, weekday and hour.",
        "latency": "Show how long the bars of a day took, hop by hop, from NinjaTrader to the decision and the order.",
    },
    "replay.mirror.commands": {
        "mirror": "Copy a run's dated files to a store elsewhere, once: the public feed to one, the days' folders to another.",
    },
    "replay.commands": {
        "demo": "Make synthetic sessions and replay them through the real daemons; leaves signals, trades and a report.",
        "backtest": "Run recorded bars through the daemons' cores in this process: the fast way to the same result.",
        "replay": "Run recorded bars through the real, supervised daemons over the bus, in lockstep.",
        "compare": "Your own trades beside a run's: twins, differences, slippage.",
        "report": "Write a run's report.html again; of a live run as it is now, or of some of its dates.",
        "explain": "From an order, signal or trade back to its bar, and forward to its fills and its profit.",
        "chaos": "Replay while killing and freezing daemons, and compare with an undisturbed run.",
        "backfill": "Fetch a chart's bars from a running NinjaTrader as an export.",
        "diff": "The first difference of two runs, with its cause.",
    },
    "replay.research.commands": {
        "signals": "Every strategy alone, no position, no arbitration: proposals, session state, levels.",
        "why": "Why nothing was traded: how many bars passed each condition of a strategy, the nearest miss of each session, "
        "refusals.",
        "lookahead": "Cut the stream and compare every decision up to the cut with the whole run's.",
        "sweep": "Run a grid of settings over a recording, and list the reasons to doubt the best cell.",
        "walk-forward": "Choose a cell of a grid on one window of sessions after another, and trade it on those that follow.",
    },
    "replay.features.commands": {
        "features": "Write what a model is trained on: features of each bar, and what became of it.",
    },
    "replay.training.commands": {
        "train": "Train a model for the strategy `model`: walk-forward, calibration, a card, and the file, proved row by row.",
    },
    "replay.verify.commands": {
        "verify": "Decide a day again from its recorded bars and the venue's words, and compare every message with "
        "what was published.",
        "prove": "Show each bar's way from the bridge's numbers to its decision, and which were lost, where.",
    },
}
"""By module, without `tapewire.`."""

GROUP = "tapewire.commands"

# By the module that registers a command; the first that fits. A new module of a known room needs no line here.
TITLES: Mapping[str, str] = {
    "replay.research": "Research",
    "replay.features": "Research",
    "replay.training": "Research",
    "replay.days": "The day",
    "replay.verify": "The day",
    "replay.mirror": "The day",
    "replay": "Recordings and runs",
    "daemons.operator.new_strategy": "Research",
    "daemons.operator.subscribers": "Subscribers",
    "daemons.operator.audit": "Subscribers",
    "daemons.operator.anchor": "Subscribers",
    "daemons.operator.relay": "Subscribers",
    "daemons": "The live run",
}
ORDER = ("Recordings and runs", "Research", "The live run", "The day", "Subscribers")


def by_title() -> dict[str, dict[str, str]]:
    """The commands with their lines, by what they are for."""
    found: dict[str, dict[str, str]] = {title: {} for title in ORDER}
    for module, lines in COMMANDS.items():
        found[next(title for start, title in TITLES.items() if module.startswith(start))].update(lines)
    return found
