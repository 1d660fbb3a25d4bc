"""History over a real socket: several topics read side by side, as by a starting daemon, without a duplicate request."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import zmq

from tapewire.bus import access, sockets, wire
from tapewire.bus.client import History
from tapewire.bus.messages import PROTOCOL_VERSION, Alarm, Header, HistoryRequest, Topics, TopicsRequest
from tapewire.daemons.settings.structs import Bus
from tapewire.daemons.shell.doors import Doors
from tapewire.daemons.shell.tape import Tape
from tests.runs import begun, conf

RECORDS = 2_100
CHUNK = 500
TOPICS = ("raw.bar.MNQ.1m.", "raw.bar.ES.1m.", "raw.bar.YM.1m.")


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    """The journal of three topics."""
    made = Tape(tmp_path / "journal")
    for topic in TOPICS:
        for seq in range(1, RECORDS + 1):
            made.append(topic, 1, seq, wire.encode(Header(PROTOCOL_VERSION, "nt", 1, seq, seq), Alarm("a", "b")))
    made.sync()
    return made


class Served(threading.Thread):
    """Replies to page requests and counts them, until a request for topics arrives."""

    def __init__(self, tape: Tape, run: Path) -> None:
        super().__init__()
        self.tape = tape
        self.requests = 0
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.doors = Doors(self.context, run, Bus())
        self.socket = sockets.page_server(self.context, self.doors.inside("history"))

    def run(self) -> None:
        header = Header(PROTOCOL_VERSION, "logger", 1, 0, 0)
        while True:
            sender, *rest = self.socket.recv_multipart()
            _, request = wire.decode(rest[-1])
            if isinstance(request, HistoryRequest):
                self.requests += 1
                self.socket.send_multipart([sender, b"", b"history.", wire.encode(header, self.tape.page(request))])
            elif isinstance(request, TopicsRequest):
                self.socket.send_multipart([sender, b"", b"history.", wire.encode(header, Topics(request.id, ()))])
                break
        self.doors.close()
        self.socket.close()
        self.context.term()


def test_topics_are_read_side_by_side(tape: Tape, tmp_path: Path) -> None:
    """Merged record by record, each topic is complete and in order; five pages each. A page that arrives while the reader
    waits for another topic is not requested again."""
    with begun(conf(), tmp_path / "run") as run:
        server = Served(tape, run)
        server.start()
        with zmq.Context() as context, History(context, access.local(run, "reader").to("history"), deadline_s=20) as history:
            readers = [history.read(topic, chunk=CHUNK) for topic in TOPICS]
            numbers = [[wire.decode(frame)[0].seq for frame in frames] for frames in zip(*readers, strict=True)]
            history.topics()
        server.join()
    tape.close()

    assert numbers == [[seq] * len(TOPICS) for seq in range(1, RECORDS + 1)]
    assert server.requests == len(TOPICS) * -(-RECORDS // CHUNK)
