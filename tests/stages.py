"""A recording through the bridge into the real daemons, and in this process as the reference: for tests that kill one of them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import runs
from tapewire.replay.days import folders
from tapewire.replay.sources.recording import Recording
from tapewire.strategies.clock import new_york
from tests import bridges

GO, RELOAD, DIE = "go", "reload", "die"


class Moment(NamedTuple):
    """The broker's state has changed, and NinjaTrader waits for an instruction: GO, RELOAD or DIE.

    next: the bar that closes next. state: "flat", "working" (an entry), "open". words: the entry's id, and of an open position the
    resting stop and target.
    """

    next: int
    state: str
    words: tuple[str, ...]


class Stage:
    """A recording, run twice: in this process as the reference, and through the bridge."""

    def __init__(self, program: Path, data: Path, folder: Path, conf: Conf, bars: int | None = None) -> None:
        self.program = program
        self.data = bridges.unpacked(data, folder / "data")
        self.folder = folder
        recording, calendar = runs.read(data, "MNQ", lambda share: None)
        self.bars = min(bars or len(recording.bars), len(recording.bars))
        self.recording: Recording = msgspec.structs.replace(recording, bars=recording.bars[: self.bars])
        self.conf = msgspec.structs.replace(conf, calendar=calendar)
        first = new_york(recording.bars[0].close_ns).date()
        special = {**calendar.half_days, **dict.fromkeys(calendar.holidays, "closed")}
        self.closes = ",".join(f"{day}={close}" for day, close in special.items())
        self.month = conf.contracts.front("MNQ", first).name.removeprefix("MNQ ")  # on the chart, as in a replay of these dates

    def measure(self) -> Path:
        """The run of a backtest over it."""
        runs.backtest(self.conf, self.recording, self.folder / "measure", lambda share: None)
        return self.folder / "measure"

    def again(self, data: Path, folder: Path) -> Path:
        """The run of a backtest over another form of the recording."""
        recording, calendar = runs.read(data, "MNQ", lambda share: None)
        runs.backtest(msgspec.structs.replace(self.conf, calendar=calendar), recording, folder, lambda share: None)
        return folder

    def play(
        self,
        *options: object,
        strike: Callable[[Instance, int], str] = lambda instance, bar: GO,
        moment: Callable[[Instance, Moment], str] | None = None,
    ) -> Path:
        """Through the bridge; whenever NinjaTrader's process is killed, it is started again.

        strike: called every 97 bars, while NinjaTrader goes on; GO or DIE. moment: called while it waits.
        """
        run = runs.prepare(self.folder / "run")
        runs.configuration.write(self.conf, run)
        options += () if moment is None else ("--moments", 1)
        with runs.supervised(self.conf, run, lambda text: None) as instance:

            def instruction_for(line: str) -> str:
                match line.split():
                    case ["bar", bar]:
                        return DIE if strike(instance, int(bar)) == DIE else ""
                    case ["stands", bar, state, *words] if moment is not None:
                        return moment(instance, Moment(int(bar), state, tuple(words)))
                return ""

            while self._live(options, instruction_for):
                pass
        runs.finish(run, self.conf, self.recording)
        return run

    def _live(self, options: tuple[object, ...], instruction_for: Callable[[str], str]) -> bool:
        """One run of the stub host. False if it has played to the end."""
        port = self.conf.bus.base_port
        bridges.hand_key(self.conf, self.folder / "run", self.folder / "nt")
        where = (
            "--data",
            self.data,
            "--folder",
            self.folder / "nt",
            "--base-port",
            port,
            "--to",
            self.bars,
            "--month",
            self.month,
            "--closes",
            self.closes,
        )
        command = ["mono", "--debug", str(self.program), "play", *map(str, (*where, "--grace", 20, "--tell", 97, *options))]
        lines: list[str] = []
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as host:
            assert host.stdin is not None
            assert host.stdout is not None
            for line in host.stdout:
                lines.append(line)
                instruction = instruction_for(line)
                if instruction == DIE:
                    host.kill()
                    return True
                if instruction:
                    host.stdin.write(f"{instruction}\n")
                    host.stdin.flush()
                if line == "played\n":
                    bridges.wait_until_read(self.folder / "run")
                    host.stdin.close()
        assert host.returncode == 0, f"status {host.returncode}\n" + "".join(lines[-30:])
        return False


def kill(instance: Instance, name: str) -> bool:
    """SIGKILL to a daemon. False if it does not run at the moment."""
    pid = next(each["pid"] for each in supervise.processes(instance) if each["name"] == name)
    if pid:
        os.kill(pid, signal.SIGKILL)
    return bool(pid)


def lines_of_days(run: Path) -> dict[str, list[Any]]:
    """The signals and trades in the folders of a run's days, put together, without what only a run over the bus knows."""
    found = {}
    for name in ("signals.jsonl", "trades.jsonl"):
        content = b"".join((folders.place(run, date) / name).read_bytes() for date in folders.dates(run))
        rows = [msgspec.json.decode(line) for line in content.splitlines()]
        found[name] = [{key: value for key, value in row.items() if key != "live"} for row in rows]
    return found


def results(run: Path) -> dict[str, bytes]:
    """The result files of a run."""
    return {name: (run / name).read_bytes() for name in ("signals.jsonl", "intents.jsonl", "trades.jsonl")}
