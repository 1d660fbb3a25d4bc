"""A recording as sessions: its bars through the tracker's core, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.messages import Bar, Gap, Session
from tapewire.bus.stamp import Stamper
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker
from tapewire.replay.sources.recording import Input


def sessions(conf: Conf, inputs: Iterable[Input]) -> Iterator[Session]:
    """One `Session` per accepted bar, in order. There is no venue, so no bar carries a position."""
    core = tracker.daemon(conf).core
    stamper = Stamper("nt", conf.epoch)
    at_ns = 0
    for each in inputs:
        if isinstance(each, Bar):
            topic, at_ns = topics.bar(each.instrument), each.close_ns
        elif isinstance(each, Gap):
            topic = topics.of(topics.GAP, "tracker")
        else:
            topic, each = topics.of(topics.LEVELS, each.instrument), replace(each, after_ns=None)
        for output in core.step(Event(topic, stamper.header(topic, at_ns), each)):
            if isinstance(output.body, Session):
                yield output.body
