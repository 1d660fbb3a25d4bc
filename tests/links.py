"""The bridge alone on its link: NinjaTrader's process with a broker's market, and a gate in the test's hands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tapewire.bus import wire
from tapewire.bus.messages import Action, Alarm, Bar, OrderStatus, PlaceOrder
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import runs, tapes
from tests import bridges
from tests.bridges import Bridge, Gate

START = 600  # the bar before which the bridge is loaded; in the first night


class Link:
    """A loaded bridge with a market, connected to the test's gate."""

    def __init__(self, program: Path, data: Path, folder: Path, conf: Conf, *options: object) -> None:
        self.conf = conf
        self.run = folder / "run"
        recording, _ = runs.read(data, "MNQ", lambda share: None)
        self.bars: list[Bar] = recording.bars
        self.next = START
        self.gate = Gate(conf, self.run)
        where = (program, conf, self.run, data, folder / "nt", "--from", START, "--broker", folder / "broker")
        self._start = lambda: Bridge(*where, *options)
        self.bridge = self._start()
        self.bridge.done(self.gate.pump)
        self.bar()
        self.gate.until(lambda: self.gate.hellos(), "hello")
        self.gate.until(lambda: not self.dark(), "the lease to arrive")

    def bar(self) -> None:
        """One more bar closes."""
        self.bridge.do("bar", self.gate.pump)
        self.next += 1

    @property
    def last(self) -> Bar:
        return self.bars[self.next - 1]

    def entry(self, name: str = "E1", **changes: Any) -> PlaceOrder:
        """A valid long entry at the market, with a stop that a quiet night does not reach."""
        close = self.last.close
        fields: dict[str, Any] = {
            "id": name,
            "account": "Replay",
            "instrument": "MNQ",
            "action": Action.ENTER_LONG,
            "qty": 2,
            "stop": close - 200,
            "target": close + 200,
            "valid_until_ns": self.last.close_ns + 60_000_000_000,
        }
        return PlaceOrder(**(fields | changes))

    def reload(self, *meanwhile: str) -> None:
        """Disable the strategy and enable it again; carry out these lines in between."""
        before = len(self.gate.hellos())
        for line in ("unload", *meanwhile, "load"):
            self.bridge.do(line, self.gate.pump)
            self.next += line == "bar"
        self.gate.until(lambda: len(self.gate.hellos()) > before, "hello again")
        self.gate.until(lambda: not self.dark(), "the lease to arrive")

    def die(self) -> None:
        """SIGKILL to NinjaTrader's process. The broker's file stays."""
        self.bridge.kill()

    def revive(self) -> None:
        """Start NinjaTrader again, after the last bar that the broker has traded."""
        before = len(self.gate.hellos())
        self.bridge = self._start()
        self.bridge.done(self.gate.pump)
        self.gate.until(lambda: len(self.gate.hellos()) > before, "hello from a new process")

    def hold(self, name: str = "E1") -> None:
        """Enter and fill."""
        assert self.gate.request(self.entry(name)).status is OrderStatus.ACCEPTED
        self.bar()
        self.gate.until(lambda: self.gate.fills(), "the fill")

    def dark(self) -> bool:
        """True if the chart's light for the gate is out."""
        return " gate " in self.bridge.do("lights", self.gate.pump)[0]

    def alarms(self) -> list[str]:
        """The bridge's alarms in the journal."""
        try:
            frames = tapes.frames(self.run, "sys.alarm.nt.")
            return [body.text for _, body in map(wire.decode, frames) if isinstance(body, Alarm)]
        except Exception:
            return []

    def stamped(self) -> Bar:
        """The newest bar on the bus."""

        def there() -> bool:
            return bool(self.published()) and self.published()[-1].close_ns == self.last.close_ns

        self.gate.until(there, "the bar in the journal")
        return self.published()[-1]

    def published(self) -> list[Bar]:
        try:
            return [body for _, body in map(wire.decode, tapes.frames(self.run, "raw.bar.MNQ.1m.")) if isinstance(body, Bar)]
        except Exception:
            return []

    def close(self) -> None:
        self.bridge.close()
        self.gate.close()


@pytest.fixture(scope="module")
def plain(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic sessions as the stub host reads them."""
    return bridges.unpacked(bars, tmp_path_factory.mktemp("plain"))


@pytest.fixture
def link(home: Path, program: Path, plain: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Link]:
    conf = bridges.conf()
    with bridges.bus(conf, tmp_path / "run"):
        made = Link(program, plain, tmp_path, conf, *getattr(request, "param", ()))
        yield made
        made.close()
