"""The ports on which a relay serves a tier on: the stream, and the one for questions."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from tapewire.bus import feed_files
from tapewire.bus.feed import FeedLine
from tapewire.bus.roles import STREAMS, SubscriberTier
from tapewire.daemons.publisher import queries
from tapewire.daemons.relay.above import STATE
from tapewire.daemons.relay.process import Relay
from tapewire.daemons.settings.structs import Subscribers
from tapewire.daemons.shell import control
from tapewire.daemons.shell.outlet import Outlet, ReaderLimits
from tapewire.daemons.shell.questions import Questions
from tapewire.daemons.shell.usage import Usage

_packed = msgspec.msgpack.Encoder().encode


class RelayPorts:
    """Serves subscribers with keys of the relay's own.

    Raises:
        Transient: a port is taken.
    """

    def __init__(self, relay: Relay) -> None:
        tier = relay.settings.tier
        self._held = relay.held
        self._own: control.Answers = {"strategies": relay.strategies}
        self._outlet = Outlet(relay, STREAMS[tier], ReaderLimits(relay.settings.bus.reader_mib, Subscribers().connections))
        self._questions = Questions(relay, tier, self._answers)
        self._usage = Usage(relay.folder / feed_files.FOLDER, relay.clock)

    def send(self, lines: list[FeedLine], *, filling: bool) -> None:
        """Send lines on. A signal that came too late is marked. filling: nobody waits for these; who wants them asks."""
        for line in () if filling else lines:
            place: dict[str, Any] = {"number": line.number, "previous": line.previous}
            if self._held.past.expired(line):
                place["expired"] = True
            frames = (line.topic.encode(), line.frame, _packed(place))
            self._outlet.send(frames)
            self._outlet.count(frames)

    def watch(self) -> None:
        """Say where the stream stands, and note who is there. To be called once a second."""
        self._questions.watch()
        self._outlet.watch()
        self._outlet.send((STATE, _packed(self._held.state())))
        self._usage.note(self._outlet.connected(), [self._outlet])

    def shown(self) -> dict[str, Any]:
        """What a person may want to know: who is connected."""
        return {"connected": dict(self._outlet.connected())}

    def close(self) -> None:
        """Write down who was there."""
        self._usage.write()

    def _answers(self, tier: SubscriberTier) -> control.Answers:
        see = partial(self._held.past.visible, tier)
        asked = {verb: partial(query, see) for verb, query in queries.of_feed().items()}
        return {"state": lambda _: self._held.state(), "since": partial(self._held.past.since, tier), **asked, **self._own}
