"""Market time between two messages of the market, and the logger's silence, by a clock of the test's."""

import pytest

from tapewire.bus.messages import Alarm, Due, Gap, LinkState
from tapewire.bus.testing import bar, eastern, event
from tapewire.daemons.shell.watch import DUE, JOURNAL, NOT_WHOLE, Watch

SECOND_NS = 1_000_000_000
BEGUN = 500 * SECOND_NS  # of the monotonic clock


@pytest.fixture
def watch() -> Watch:
    """Open, and allows the logger fifteen seconds."""
    made = Watch(15, BEGUN)
    made.open(BEGUN)
    return made


def test_market_time_advances_with_the_clock_after_the_last_message(watch: Watch) -> None:
    """A bar, then seven seconds without a message."""
    watch.heard(event(bar("11:00", 21_000.0)), BEGUN + SECOND_NS)

    assert watch.market_ns == eastern("11:00")
    assert watch.estimated_ns(BEGUN + 8 * SECOND_NS) == eastern("11:00") + 7 * SECOND_NS


@pytest.mark.parametrize(
    "message",
    [
        event(bar("10:59", 21_000.0)),
        event(Gap("raw.bar.MNQ.1m.", 1, 3, 4, "gate"), event_ns=eastern("12:00"), topic="sys.gap.gate."),
        event(Due(eastern("12:00")), event_ns=eastern("12:00"), topic=DUE),
    ],
    ids=["an older bar", "a gap, in wall-clock time", "a time-out, itself an estimate"],
)
def test_a_message_without_market_time_does_not_advance_it(watch: Watch, message: object) -> None:
    """Market time stays at the last bar."""
    watch.heard(event(bar("11:00", 21_000.0)), BEGUN)
    watch.heard(message, BEGUN + SECOND_NS)

    assert watch.market_ns == eastern("11:00")
    assert watch.estimated_ns(BEGUN + SECOND_NS) == eastern("11:00") + SECOND_NS


@pytest.mark.parametrize(("waited", "due"), [(9, False), (10, True)])
def test_a_time_out_passes_by_the_market_or_by_waiting(watch: Watch, waited: int, due: bool) -> None:
    """Ten seconds after the bar, by market time or by waiting; a core without a time-out gets none."""
    watch.heard(event(bar("11:00", 21_000.0)), BEGUN)
    at_ns = eastern("11:00") + 10 * SECOND_NS

    assert watch.due(at_ns, BEGUN + waited * SECOND_NS) == (Due(at_ns) if due else None)
    assert watch.due(0, BEGUN + waited * SECOND_NS) is None


@pytest.mark.parametrize(("silent", "up"), [(14, True), (15, False)])
@pytest.mark.parametrize("beat", [None, BEGUN + 100 * SECOND_NS], ids=["no beat", "one beat"])
def test_a_logger_that_is_silent_for_too_long_is_reported(watch: Watch, beat: int | None, silent: int, up: bool) -> None:
    """Counted from its last beat, or from the opening."""
    now = (beat or BEGUN) + silent * SECOND_NS
    report = watch.journal(beat, now)

    assert report == (None if up else LinkState(False, "nothing heard of the logger for 15 s", "journal"))


def test_a_logger_whose_journal_is_not_whole_is_down_though_it_beats(watch: Watch) -> None:
    """The note of its beat says so, and becomes the reason; the next beat without it brings it back."""
    note = f"{NOT_WHOLE}raw.tape was deleted"
    down = watch.journal(BEGUN, BEGUN, note)
    assert down is not None
    watch.heard(event(down, topic=JOURNAL), BEGUN)

    assert down == LinkState(False, note, "journal")
    assert watch.journal(BEGUN, BEGUN, note) is None
    assert watch.journal(BEGUN, BEGUN, "ready") == LinkState(True, "", "journal")


def test_the_logger_is_reported_once_each_way(watch: Watch) -> None:
    """A core gets one note that the logger is silent, and the next when it is back; a fold of the note gives the same state."""
    late = BEGUN + 20 * SECOND_NS
    silent = watch.journal(None, late)
    assert silent is not None
    watch.heard(event(silent, topic=JOURNAL), late)
    again = watch.journal(None, late)
    back = watch.journal(late, late)
    assert back is not None
    watch.heard(event(back, topic=JOURNAL), late)

    assert again is None
    assert back == LinkState(True, "", "journal")
    assert watch.journal(late, late) is None


def test_the_venue_link_is_not_the_journal_link(watch: Watch) -> None:
    """The same message on another topic does not concern the logger."""
    watch.heard(event(LinkState(False), topic="venue.link."), BEGUN)
    watch.heard(event(Alarm("a", "b"), topic="sys.alarm.gate."), BEGUN)

    assert watch.journal_up


def test_in_a_replay_a_pause_takes_no_time() -> None:
    """The clock does not run: an hour later the market stands where it stood, and no time-out is over."""
    watch = Watch(15, BEGUN, runs=False)
    watch.heard(event(bar("11:00", 21_000.0)), BEGUN)

    assert watch.estimated_ns(BEGUN + 3600 * SECOND_NS) == eastern("11:00")
    assert watch.due(eastern("11:02"), BEGUN + 3600 * SECOND_NS) is None
