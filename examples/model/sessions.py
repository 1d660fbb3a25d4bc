"""Invents sessions for the example: `before` to train on, `after` to trade. Usage: sessions.py FOLDER"""

import datetime as dt
import sys
from pathlib import Path

from tapewire.replay.sources import synthetic

before, after = (Path(sys.argv[1]) / name for name in ("before", "after"))
synthetic.generate(before, sessions=12, seed=11, start=dt.date(2026, 1, 5))
synthetic.generate(after, sessions=2, seed=12, start=dt.date(2026, 2, 2))
print(f"{before} and {after}: invented, no market was like this")
