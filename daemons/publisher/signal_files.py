"""Approved V-Reversal entries as text files, for a strategy that reads files (playbook 8.4). They supplement the public topics.

    FOLDER/vreversal_20250213_135900.txt                          purchases only (classic)
    FOLDER/enhanced/enhanced_vreversal_buy_20250213_135900.txt    both directions

Comments start with `#`; every other line is one KEY=VALUE, the last one VALID_UNTIL. A file is written under another name and
renamed, so a reader sees all of it or nothing. Two signals of one bar do not overwrite each other: the second file gets `_2`
after its stamp. A duplicate signal writes nothing as long as its file exists.

Only live signals are written, never those that a restarted publisher reads from the journal: a late file would be traded late.
If the publisher dies between a signal and its file, the file is never written and no trade comes of it.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from tapewire.bus.messages import Action, Body, Pattern, PublicSignal
from tapewire.strategies.clock import SECOND_NS, new_york
from tapewire.strategies.figures import shown

SIDES = {Action.ENTER_LONG: "BUY", Action.ENTER_SHORT: "SELL"}
CLASSIC = "V_REVERSAL"


class SignalFiles:
    """Writes files into a folder. It creates the folder with the first file."""

    name = "signal_file"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(self, body: Body) -> Path | None:
        """Write the file of a V-Reversal entry. Returns its path.

        Returns None for every other message, and for a duplicate whose file exists.

        Raises:
            OSError: the file cannot be written.
        """
        if not isinstance(body, PublicSignal) or body.pattern is None or body.action not in SIDES:
            return None
        folder, stem = self._place(body, body.pattern)
        folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while (path := folder / f"{stem}{'' if number == 1 else f'_{number}'}.txt").exists():
            if f"SIGNAL_ID={body.id}" in path.read_text("utf-8").splitlines():
                return None
            number += 1
        unfinished = path.with_name(f".{path.name}.unfinished")
        with unfinished.open("w", encoding="utf-8", newline="\r\n") as file:  # its reader runs on Windows
            file.write(text(body, body.pattern))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        return path

    def _place(self, signal: PublicSignal, pattern: Pattern) -> tuple[Path, str]:
        stamp = f"{_moment(signal):%Y%m%d_%H%M%S}"
        if pattern.kind == CLASSIC:
            return self.folder, f"vreversal_{stamp}"
        return self.folder / "enhanced", f"enhanced_vreversal_{SIDES[signal.action].lower()}_{stamp}"


def text(signal: PublicSignal, pattern: Pattern) -> str:
    """The content of a file: prices with two decimals or more, confidence with three, times in New York, VALID_UNTIL in UTC."""
    score = 0.0 if signal.score is None else signal.score
    comments = (
        f"{_moment(signal):%Y-%m-%d %H:%M:%S} Eastern, {signal.instrument}",
        f"{pattern.kind} {pattern.subtype}: {signal.reason}",
        f"confidence {score:.0%}, move {shown(pattern.move)} points in {pattern.minutes} minutes",
        f"risk: limit order at the entry, stop {_price(signal.stop)}, good until {_clock(signal.valid_until_ns)} Eastern",
    )
    values = {
        "ACTION": SIDES[signal.action],
        "ENTRY_PRICE": _price(signal.entry),
        "STOP_LOSS": _price(signal.stop),
        "TAKE_PROFIT": _price(signal.target),
        "SIGNAL_ID": signal.id,
        "PATTERN_TYPE": pattern.kind,
    }
    if pattern.kind == CLASSIC:
        values |= {
            "DROP_POINTS": _price(pattern.move),
            "ORIGIN_HIGH": _price(pattern.origin),
            "BREAKOUT_HIGH": _price(pattern.breakout),
            "CONFIDENCE": f"{score:.3f}",
        }
    else:
        values |= {
            "PATTERN_SUBTYPE": pattern.subtype,
            "MOVE_POINTS": _price(pattern.move),
            "ORIGIN_PRICE": _price(pattern.origin),
            "EXTREME_PRICE": _price(pattern.extreme),
            "BREAKOUT_PRICE": _price(pattern.breakout),
            "CONFIDENCE": f"{score:.3f}",
            "VOLUME_CONFIRMED": str(pattern.volume_confirmed).lower(),
        }
    values |= {"INSTRUMENT": signal.instrument, "CONTRACT": signal.contract, "VALID_UNTIL": _utc(signal.valid_until_ns)}
    return "".join([*(f"# {each}\n" for each in comments), *(f"{key}={value}\n" for key, value in values.items())])


def _price(price: float | None) -> str:
    return "" if price is None else shown(price)


def _moment(signal: PublicSignal) -> dt.datetime:
    return new_york(signal.bar_ns)


def _utc(at_ns: int) -> str:
    return f"{dt.datetime.fromtimestamp(at_ns // SECOND_NS, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _clock(at_ns: int) -> str:
    return f"{new_york(at_ns):%H:%M}"
