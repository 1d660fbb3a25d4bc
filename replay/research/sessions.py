"""A recording as sessions: its bars through the tracker's core, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.messages import PROTOCOL_VERSION, Bar, Gap, GivenLevels, Header, Session
from tapewire.bus.stamp import Stamper
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker
from tapewire.replay.sources.recording import Input

UNNUMBERED = Header(PROTOCOL_VERSION, "tracker", 0, 0, 0)  # given again, as a person gives them


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
            topic = topics.of(topics.LEVELS, each.instrument)
        header = UNNUMBERED if isinstance(each, GivenLevels) else stamper.header(topic, at_ns)
        for output in core.step(Event(topic, header, each)):
            if isinstance(output.body, Session):
                yield output.body
