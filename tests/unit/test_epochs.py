"""A restart in a run's folder: the files set aside, the state carried over, and a death in between."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from tapewire.bus import wire
from tapewire.bus.errors import ConfError, JournalError
from tapewire.bus.journal import Journal
from tapewire.bus.messages import PROTOCOL_VERSION, Ack, Header, Kill, PlaceOrder
from tapewire.bus.stamp import ref
from tapewire.bus.testing import event, intent, intents
from tapewire.daemons.gate import state
from tapewire.daemons.gate.core import daemon
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Trading
from tapewire.daemons.shell import epochs, recovery
from tapewire.daemons.shell.aside import Aside
from tapewire.daemons.shell.recovery import ASKED, CARRIED, FACT, LINK, Carried, Entry
from tests.gates import ACCOUNT, conf

DURABLE = {"gate": daemon}
KILL = Entry(FACT, b"", "operator.latch.", wire.encode(Header(PROTOCOL_VERSION, "gate", 1, 1, 0), Kill("anna")))
REQUEST = event(intents(intent()), sender="evaluator")
REQUESTED = Entry(ASKED, b"evaluator", REQUEST.topic, wire.encode(REQUEST.header, REQUEST.body))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder whose first epoch has ended: the gate got a request for an entry, and the venue has not acknowledged the order."""
    begun = epochs.begin(conf(), tmp_path, DURABLE)
    write(tmp_path / "gate.log", REQUESTED)
    assert begun.epoch == 1
    return tmp_path


def write(path: Path, *entries: Entry) -> None:
    with Journal.open(path) as log:
        for entry in entries:
            log.append(msgspec.msgpack.encode(entry))
        log.sync()


def taken_over(run: Path, **changes: object) -> tuple[bool, Carried | None]:
    """Begin the next epoch, and let the gate open its log."""
    begun = epochs.begin(conf(**changes), run, DURABLE)
    with Journal.open(run / "gate.log") as log:
        return epochs.take_over(log, "gate", daemon, begun, run), recovery.began_with(log)


def test_the_next_epoch_begins_with_the_state_of_the_last_one(run: Path) -> None:
    """The order, in flight and undelivered, and the number of the evaluator's last request."""
    _, carried = taken_over(run)
    assert carried is not None
    (order,) = state.decode(carried.core).orders.placed
    ((topic, frame),) = carried.undelivered

    assert order.status == "PENDING"
    assert (topic, type(wire.decode(frame)[1])) == ("command.MNQ.", PlaceOrder)
    assert carried.direct == {REQUEST.topic: (1, REQUEST.header.seq)}
    assert carried.market_ns == REQUEST.header.event_ns
    assert configuration.read(epochs.folder(run, 1)).epoch == 1


def test_an_acknowledged_order_is_not_sent_again(run: Path) -> None:
    """Its acknowledgement is in the log."""
    _, first = taken_over(run)
    assert first is not None
    ((topic, frame),) = first.undelivered
    ack = Ack(ref(topic, wire.decode(frame)[0]))
    write(run / "gate.log", Entry(LINK, b"nt", "ack.", wire.encode(Header(PROTOCOL_VERSION, "nt", 1, 1, 0), ack)))
    _, second = taken_over(run)

    assert second is not None
    assert second.undelivered == ()
    assert second.core == first.core


def test_a_closing_snapshot_equals_the_fold(run: Path) -> None:
    """A stopped gate writes its state; the log of a killed one is folded. Both give the next epoch the same."""
    with Journal.open(run / "gate.log") as log:
        folded = recovery.left(log, daemon(conf()), 1, Aside(run, daemon(conf())))
    write(run / "gate.log", folded.entry)
    with Journal.open(run / "gate.log") as log:
        entries = list(recovery.inputs(log))
        closing = recovery.left(log, daemon(conf()), 1, Aside(run, daemon(conf())))

    assert closing == folded
    assert [entry.way for entry, _ in entries] == [ASKED]


def test_an_epoch_without_a_log_is_skipped(run: Path) -> None:
    """Its daemons never started: the third epoch continues from the first."""
    epochs.begin(conf(), run, DURABLE)
    _, carried = taken_over(run)

    assert carried is not None
    assert len(state.decode(carried.core).orders.placed) == 1


def test_another_account_takes_neither_books_nor_orders(run: Path) -> None:
    """Its first finding lists what is not carried over."""
    _, carried = taken_over(run, trading=Trading(enabled=True, account="Sim102"))
    assert carried is not None
    gate = daemon(conf(trading=Trading(enabled=True, account="Sim102"))).durable.restored(carried.core)  # type: ignore[union-attr]

    assert carried.undelivered == ()
    assert f"of {ACCOUNT} end here" in gate.findings[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("done", ["nothing", "the log moved", "all but the new run.json"])
def test_a_death_while_setting_aside_loses_nothing(run: Path, done: str) -> None:
    """The next start finds the last epoch complete, wherever its files lie."""
    aside = epochs.folder(run, 1)
    aside.mkdir(parents=True)
    if done != "nothing":
        os.replace(run / "gate.log", aside / "gate.log")
    if done == "all but the new run.json":
        (aside / "run.json").write_bytes((run / "run.json").read_bytes())
    taken, carried = taken_over(run)

    assert taken
    assert carried is not None
    assert len(state.decode(carried.core).orders.placed) == 1


def test_settings_that_abandon_an_order_change_nothing(run: Path) -> None:
    """The refusal names it; the folder is as it was, so the old settings still start."""
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}

    with pytest.raises(ConfError, match="MNQ is not traded by these settings"):
        epochs.begin(conf(traded=("MES",)), run, DURABLE)

    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_damaged_log_that_was_set_aside_stops_the_start(run: Path) -> None:
    """Incomplete books are no basis for trading."""
    os.replace(run / "gate.log", run / "gate.log.quarantined")

    with pytest.raises(JournalError, match=r"gate\.log\.quarantined .* restore"):
        epochs.begin(conf(), run, DURABLE)


def test_a_log_that_has_begun_is_not_begun_anew(run: Path) -> None:
    """Gone while its daemon was dead: neither the daemon nor the next `up` goes on with the books of the epoch before."""
    with epochs.opened(run, "gate", 1) as log:
        epochs.started(log, run, "gate", 1)
    (run / "gate.log").unlink()

    with pytest.raises(JournalError, match=r"gate\.log has begun and is gone; restore .*; or, to start with empty books, move"):
        epochs.opened(run, "gate", 1)
    with pytest.raises(JournalError, match=r"gate\.log has begun and is gone"):
        epochs.begin(conf(), run, DURABLE)
    assert not (run / "gate.log").exists()


@pytest.mark.parametrize("left", [0, 30])
def test_a_log_with_fewer_records_than_before_is_set_aside(run: Path, left: int) -> None:
    """Emptied or cut while its daemon was dead."""
    with epochs.opened(run, "gate", 1) as log:
        epochs.started(log, run, "gate", 1)
    os.truncate(run / "gate.log", left)

    with pytest.raises(JournalError, match=r"had 1 records .* what is left is .*gate\.log\.quarantined"):
        epochs.opened(run, "gate", 1)
    with pytest.raises(JournalError, match=r"gate\.log\.quarantined is a damaged log"):
        epochs.begin(conf(), run, DURABLE)


def test_a_person_may_start_with_empty_books(run: Path) -> None:
    """By the remedy of the refusal: the mark and the epochs moved away."""
    with epochs.opened(run, "gate", 1) as log:
        epochs.started(log, run, "gate", 1)
    (run / "gate.log").unlink()
    (run / "gate.began").rename(run / "elsewhere")

    taken, carried = taken_over(run)

    assert not taken
    assert carried is None


def test_a_new_epoch_and_a_run_of_the_version_before_begin_their_logs(run: Path) -> None:
    """Neither has a mark of this epoch."""
    with epochs.opened(run, "gate", 1) as log:
        epochs.started(log, run, "gate", 1)
    assert taken_over(run)[0]
    (run / "gate.began").unlink()

    with epochs.opened(run, "gate", 2) as log:
        assert len(log) == 2


def test_where_the_journal_stands_is_where_the_epoch_begins(run: Path) -> None:
    """Per topic, the last record in the journal; messages folded up to it are not published again."""
    from tapewire.daemons.shell.tape import Tape

    tape = Tape(run / "journal")
    for seq in (1, 2):
        header = Header(PROTOCOL_VERSION, "nt", 7, seq, 0)
        tape.append("raw.bar.MNQ.1m.", 7, seq, wire.encode(header, Kill("anna")))
    tape.close()

    assert epochs.begin(conf(), run, DURABLE).since == {"raw.bar.MNQ.1m.": (7, 2)}
    assert configuration.read(run).epoch == 2


def test_an_epoch_reads_only_the_last_days(run: Path) -> None:
    """A hundred bars, one a day: ninety days back from the last begins at the tenth. Topics that no daemon folds are left out."""
    from tapewire.daemons.shell.tape import Tape

    tape = Tape(run / "journal")
    for topic in ("raw.bar.MNQ.1m.", "eval.done.MNQ."):
        for seq in range(1, 101):
            header = Header(PROTOCOL_VERSION, "nt", 7, seq, seq * epochs.DAY_NS)
            tape.append(topic, 7, seq, wire.encode(header, Kill("anna")))
    tape.close()

    assert epochs.begin(conf(), run, DURABLE).folds == {"raw.bar.MNQ.1m.": 9}


def test_the_kill_switch_is_carried_over(run: Path) -> None:
    """Latched in one epoch, it is latched in the next."""
    write(run / "gate.log", KILL)
    _, carried = taken_over(run)

    assert carried is not None
    assert carried.entry.way == CARRIED
    assert state.decode(carried.core).killed
