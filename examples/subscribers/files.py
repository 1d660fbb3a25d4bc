"""Write each signal as a file for a strategy that reads files: `python files.py anna.key FOLDER [INSTRUMENT]`.

Needs pyzmq and msgpack. SignalFileTrader.cs is such a strategy for NinjaTrader 8; README.md shows both at work. The feed is kept as
FOLDER/feed.jsonl, so what came while this program was not running is asked for; a signal whose time is over has no file.

A file is written under another name and renamed, so its reader sees all of it or nothing. Its name begins with the bar's time (UTC)
and ends with the number of its line in the feed, so a signal that is written again after a crash has the same name.
"""

import base64
import os
import sys
import tomllib
from datetime import UTC, datetime

import msgpack
from follow import stream
from keep import Keeper

ACTIONS = {"ENTER_LONG": "BUY", "ENTER_SHORT": "SELL"}  # EXIT, MOVE_STOP and MOVE_TARGET keep their names


def clock(ns, form):
    """A time of a message, in UTC."""
    return datetime.fromtimestamp(ns // 10**9, UTC).strftime(form)


def text(signal):
    """The lines of a file. VALID_UNTIL is the last one: a reader never trades a file without it."""
    values = {
        "ACTION": ACTIONS.get(signal["action"], signal["action"]),
        "ENTRY_PRICE": signal["entry"] if signal["limit"] is None else signal["limit"],
        "STOP_LOSS": signal["stop"],
        "TAKE_PROFIT": signal["target"],
        "SIGNAL_ID": signal["id"],
        "PATTERN_TYPE": signal["pattern"]["kind"] if signal["pattern"] else signal["strategy"],
        "ORDER": "MARKET" if signal["limit"] is None else "LIMIT",
        "INSTRUMENT": signal["instrument"],
        "CONTRACT": signal["contract"],
        "VALID_UNTIL": clock(signal["valid_until_ns"], "%Y-%m-%dT%H:%M:%SZ"),
    }
    about = f"# {clock(signal['bar_ns'], '%Y-%m-%d %H:%M:%S')} UTC, {signal['strategy']}: {signal['reason']}".replace("\n", " ")
    return "".join(f"{line}\n" for line in (about, *(f"{key}={'' if value is None else value}" for key, value in values.items())))


class Writer(Keeper):
    """The kept feed, and a file for each signal in it that may be traded."""

    def __init__(self, key, folder, instrument=""):
        os.makedirs(folder, exist_ok=True)
        super().__init__(key, os.path.join(folder, "feed.jsonl"))
        self.folder, self.instrument = folder, instrument

    def write(self, line):
        """First the file, then the line: a signal that is written twice has one name and one id, and none is left out."""
        if line["topic"].startswith("public.signal.") and not line["expired"]:
            signal = msgpack.unpackb(base64.b64decode(line["frame"]))
            if self.instrument in ("", signal["instrument"]):
                self.leave(f"signal_{clock(signal['bar_ns'], '%Y%m%d_%H%M%S')}_{line['number']:09}.txt", text(signal))
        super().write(line)

    def leave(self, name, content):
        """Put a file into the folder, whole or not at all."""
        hidden = os.path.join(self.folder, f".{name}.unfinished")
        with open(hidden, "w", encoding="utf-8", newline="\r\n") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(hidden, os.path.join(self.folder, name))


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as opened:
        key = tomllib.load(opened)
    writer = Writer(key, *sys.argv[2:])
    for message in stream(key):
        writer.take(*message)
