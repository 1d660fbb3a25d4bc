"""A second daemon with a log of its own, as small as one can be: the runner starts it as it starts the gate.

    python -m tests.tally tally|broker|logger --run DIR [--folds]

Ports and keys have fixed names, so it takes the tracker's. No shipped rule covers its topics and requests, so broker and logger
start here as well, with rules that do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from tapewire.bus import roles
from tapewire.bus.daemon import Admission, Daemon, Event, Latch, LogPolicy, Output, Publish, Reply, Request, When
from tapewire.bus.messages import Alarm, Arm, Begun, Due, Kill
from tapewire.bus.roles import Role
from tapewire.daemons.__main__ import start
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import logs, runner

NAME = "tracker"
ASKS = "gate"
FACTS = "tally."
WORDS = "word."
SENDER = Role.EXTERNAL  # of the key that sends it words
LATCH = Latch("closed", "operator.latch.", Kill, lambda tally: tally.state.closed)


class State(NamedTuple):
    """The state of the tally. due_ns: the market time of its next time-out."""

    count: int = 0
    closed: bool = False
    due_ns: int = 0


class Tally:
    """Counts the words that it receives. Each leads to a fact, a request to the gate's service, a time-out and a reply.

    On the word of `poison` it raises, when it has changed half of its state.
    """

    def __init__(self, state: State) -> None:
        self.state = state

    def step(self, event: Event) -> Sequence[Output]:
        match event.body:
            case Arm(by="poison"):
                self.state = self.state._replace(count=1_000)
                raise KeyError("poison")
            case Arm():
                self.state = State(self.state.count + 1, self.state.closed, event.header.event_ns + 1)
                counted = Alarm("count", str(self.state.count))
                return [Publish(FACTS, counted), Request(ASKS, "wish.", counted), Reply("answer.", counted)]
            case Due(at_ns=at_ns) if at_ns == self.state.due_ns:
                self.state = self.state._replace(due_ns=0)
                return [Publish(FACTS, Alarm("due", str(self.state.count)))]
            case Kill(by=by):
                self.state = self.state._replace(closed=True)
                return [Publish(FACTS, Alarm("closed", by))]
            case Begun(of_epoch=epoch):
                return [Publish(FACTS, Alarm("begun", str(epoch)))]
        return []


def daemon(conf: Conf) -> Daemon:
    """The tally as a process."""
    return Daemon(
        NAME,
        Tally(State()),
        requests=(ASKS,),
        serves=NAME,
        admits={Arm: Admission(when=When.SENDER), Kill: Admission(when=When.REACHED)},
        durable=LogPolicy(
            snapshot=lambda tally: msgspec.msgpack.encode(tally.state),
            restored=lambda data: Tally(msgspec.msgpack.decode(data, type=State)),
            due_ns=lambda tally: tally.state.due_ns,
            latch=LATCH,
        ),
    )


def folding(conf: Conf) -> Daemon:
    """The tally as a process that folds the words in the journal."""
    return Daemon(NAME, Tally(State()), subscribe=(WORDS,), requests=(ASKS,), serves=NAME, recover=(WORDS,))


@contextmanager
def allowed() -> Iterator[None]:
    """In this process the rules of bus/roles.py allow what the tally and its sender do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(roles.PUBLISHES, Role(NAME), (FACTS,))
        patch.setitem(roles.PUBLISHES, SENDER, (WORDS,))
        patch.setitem(roles.CONNECTS, "broker.in", roles.CONNECTS["broker.in"] | {SENDER})
        patch.setitem(roles.ASKS, NAME, {**roles.ASKS[NAME], "arm": frozenset({SENDER})})
        patch.setitem(roles.ASKS, ASKS, {**roles.ASKS[ASKS], "alarm": frozenset({Role(NAME)})})
        yield


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=("tally", "broker", "logger"))
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--folds", action="store_true", help="keep no log: fold the journal")
    given = parser.parse_args()
    with allowed():
        if given.name != "tally":
            return start(given.name, given.run)
        return runner.run(folding if given.folds else daemon, configuration.read(given.run), given.run, logs.configure(NAME))


if __name__ == "__main__":
    sys.exit(main())
