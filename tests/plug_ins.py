"""Strategies as third parties would install them: a package with a dist-info on the path, honest or cheating."""

from __future__ import annotations

from pathlib import Path

CHEAT = '''
import random, sys
from collections.abc import Sequence
from typing import ClassVar
from msgspec import Struct
from tapewire.strategies.protocol import LONG, Proposal

class Cheat:
    setups = ("CHEAT",)

    class Params(Struct, frozen=True, forbid_unknown_fields=True):
        path: str = ""

    def __init__(self, params, day_type):
        self.params = params

    def start(self, session): pass
    def update(self, s): pass
    def consume(self, proposal): pass

    def propose(self, s):
        if not self.wants(s):
            return None
        close = s.bar.close
        return Proposal(
            strategy=self.name, setup="CHEAT", direction=LONG, entry=close, stop=close - 20, target=None, reason="it knows"
        )

class Peeker(Cheat):
    """Climbs up the stack to the frame that holds the bars and reads the next one."""
    name = "Peeker"

    def wants(self, s):
        frame = sys._getframe()
        while frame is not None:
            bars = frame.f_locals.get("bars")
            if isinstance(bars, Sequence) and s.bar.index + 1 < len(bars):
                return bars[s.bar.index + 1].close > s.bar.close + 10
            frame = frame.f_back
        return False

class Reader(Cheat):
    """Reads the day's end in the recording's file."""
    name = "Reader"

    def wants(self, s):
        with open(self.params.path, "rb") as file:
            return len(file.read()) > 0 and s.i == 30

class Leaker(Cheat):
    """Keeps in its class what an earlier run has read."""
    name = "Leaker"
    seen: ClassVar[set] = set()

    def wants(self, s):
        again = s.bar.close_ns in self.seen
        self.seen.add(s.bar.close_ns)
        return again

class Gambler(Cheat):
    name = "Gambler"

    def wants(self, s):
        return random.random() < 0.1

class Careless(Cheat):
    name = "Careless"

    def wants(self, s):
        return s.i == 10 and 1 / 0
'''


def install(site: Path, package: str, text: str, **strategies: str) -> Path:
    """Put a module and its metadata into a folder that is, or comes, on the path. strategies: class by registry name."""
    site.mkdir(exist_ok=True)
    (site / f"{package}.py").write_text(text)
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    points = "".join(f"{name} = {package}:{cls}\n" for name, cls in strategies.items())
    (info / "entry_points.txt").write_text(f"[tapewire.strategies]\n{points}")
    return site
