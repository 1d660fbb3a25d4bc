"""tapewire: the in-process backtest with all its daemons, or the same with a clock around each stage.

    python -m tests.bench.rival.by_tapewire DATA PRESET [--pipeline] [--journal FOLDER] [--stages] [--cells N]

--pipeline adds the strategy that trades on any data to the preset's seven. --cells runs so many cells of a sweep in one process.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tapewire.bus import topics
from tapewire.bus.messages import Body, Header
from tapewire.bus.wire import Encoder
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell.tape import Tape
from tapewire.replay import loop, runs
from tapewire.replay.research import cell, grid
from tapewire.replay.research.sessions import Stream
from tapewire.replay.sources.recording import Recording
from tests.bench import ours
from tests.bench.loop import TimedCore, TimedVenue
from tests.bench.rival.played import tell


class Kept:
    """The journal of a run, clocked."""

    def __init__(self, folder: Path) -> None:
        self.spent_ns = 0
        self._tape = Tape(runs.prepare(folder) / "journal")
        self._encode = Encoder().encode

    def record(self, topic: str, header: Header, body: Body) -> None:
        self._tape.append(topic, header.epoch, header.seq, self._encode(header, body))

    def clocked(self, topic: str, header: Header, body: Body) -> None:
        start = time.perf_counter_ns()
        self.record(topic, header, body)
        self.spent_ns += time.perf_counter_ns() - start

    def close(self) -> int:
        """Write out what is left. Returns the number of trades."""
        start = time.perf_counter_ns()
        trades = sum(each.records for each in self._tape.lengths(topics.TRADE))
        self._tape.close()
        self.spent_ns += time.perf_counter_ns() - start
        return trades


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("preset")
    parser.add_argument("--pipeline", action="store_true")
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--stages", action="store_true")
    parser.add_argument("--cells", type=int)
    given = parser.parse_args()
    conf = ours.settings(given.preset)
    if given.pipeline:
        conf = ours.settings(given.preset, [*conf.preset.strategies, "pipeline"])
    start = time.perf_counter()
    recording, _ = runs.read(given.data, ours.INSTRUMENT, lambda share: None)
    load_s = time.perf_counter() - start
    kept = None if given.journal is None else Kept(given.journal)
    spent: dict[str, int] = {}

    def play() -> int | None:
        if given.cells:
            return _cells(conf, recording, given.cells)
        if given.stages:
            spent.update(_clocked(conf, recording, kept))
        else:
            loop.run(ours.daemons(conf), runs.venue(conf), recording.bars, None if kept is None else kept.record)
        return None if kept is None else kept.close()

    tell(play, bars=len(recording.bars) * (given.cells or 1), load_s=load_s, more=lambda: {"stages_ns": spent})


def _cells(conf: Conf, recording: Recording, count: int) -> int:
    """So many cells of a strategy's pause over one fold of the recording. Returns the trades of all."""
    made = [(f"{bars}", grid.applied(conf, {"edge_fade.pause_bars": bars})) for bars in range(1, count + 1)]
    results = cell.run(made, Stream(conf, recording))
    return sum(day.trades for result in results for day in result.days)


def _clocked(conf: Conf, recording: Recording, kept: Kept | None) -> dict[str, int]:
    """Nanoseconds by stage; what no stage took is the loop's own: queue, numbers and routes."""
    cores = {daemon.name: (daemon, TimedCore(daemon)) for daemon in ours.daemons(conf)}
    venue = TimedVenue({symbol: conf.instruments[symbol] for symbol in conf.traded}, conf.trading.account, conf.fill)
    record = None if kept is None else kept.clocked
    start = time.perf_counter_ns()
    loop.run([daemon._replace(core=core) for daemon, core in cores.values()], venue, recording.bars, record)
    total = time.perf_counter_ns() - start
    parts = {name: core.spent_ns for name, (_, core) in cores.items()}
    parts |= {"venue": venue.spent_ns, "journal": 0 if kept is None else kept.spent_ns}
    return parts | {"loop itself": total - sum(parts.values())}


if __name__ == "__main__":
    main()
