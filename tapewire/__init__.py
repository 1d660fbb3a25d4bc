"""The wire between NinjaTrader 8 and Python: a ZeroMQ message bus and a set of supervised trading daemons.

    tapewire.bus          the protocol: messages, numbering, journal, sockets
    tapewire.strategies   what is traded
    tapewire.daemons      the processes
    tapewire.replay       recordings, backtests, comparison
    tapewire.conf         settings as TOML

In a checkout those five are links to the folders of the same names beside this one. A build follows the links, so that a wheel
and an sdist hold plain folders. Nothing is imported here, so that a daemon loads only what it needs.
"""

__version__ = "0.1.0"

from tapewire import form as form  # decides where all other modules come from, so it comes first
