"""The wire between NinjaTrader 8 and Python: a ZeroMQ message bus and a set of supervised trading daemons.

    tapewire.bus          the protocol: messages, numbering, journal, sockets
    tapewire.strategies   what is traded
    tapewire.daemons      the processes
    tapewire.replay       recordings, backtests, comparison
    tapewire.conf         settings as TOML

    run = tapewire.backtest("recordings", instrument="MNQ", preset="seed")    # for notebooks: tapewire.replay.desk

In a checkout those five are links to the folders of the same names beside this one. A build follows the links, so that a wheel
and an sdist hold plain folders. Nothing is imported here before it is asked for, so that a daemon loads only what it needs.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

from tapewire import form as form  # decides where all other modules come from, so it comes first

if TYPE_CHECKING:
    from tapewire.replay.desk.features import features as features
    from tapewire.replay.desk.fills import compare_fills as compare_fills
    from tapewire.replay.desk.research import compare as compare
    from tapewire.replay.desk.research import lookahead as lookahead
    from tapewire.replay.desk.research import sweep as sweep
    from tapewire.replay.desk.research import walk_forward as walk_forward
    from tapewire.replay.desk.run import Run as Run
    from tapewire.replay.desk.run import load as load
    from tapewire.replay.desk.start import backtest as backtest
    from tapewire.replay.desk.train import train as train
    from tapewire.replay.sources.options import Options as Options

DESK = {
    "backtest": "tapewire.replay.desk.start",
    "features": "tapewire.replay.desk.features",
    "train": "tapewire.replay.desk.train",
    "Options": "tapewire.replay.sources.options",
    "compare_fills": "tapewire.replay.desk.fills",
    **dict.fromkeys(("Run", "load"), "tapewire.replay.desk.run"),
    **dict.fromkeys(("compare", "lookahead", "sweep", "walk_forward"), "tapewire.replay.desk.research"),
}
"""What a researcher asks for, and where it is."""


def __getattr__(name: str) -> Any:
    if name not in DESK:
        raise AttributeError(f"module 'tapewire' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(DESK[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *DESK})
