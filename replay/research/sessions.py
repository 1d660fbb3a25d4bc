"""A recording as sessions: its bars through the tracker's core, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.messages import Bar, Session
from tapewire.bus.stamp import Stamper
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker


def sessions(conf: Conf, bars: Iterable[Bar]) -> Iterator[Session]:
    """One `Session` per accepted bar, in order. There is no venue, so no bar carries a position."""
    core = tracker.daemon(conf).core
    stamper = Stamper("nt", conf.epoch)
    for bar in bars:
        topic = topics.bar(bar.instrument)
        for output in core.step(Event(topic, stamper.header(topic, bar.close_ns), bar)):
            if isinstance(output.body, Session):
                yield output.body
