"""Market time between two words of the market, and the logger's silence, by a clock that the test turns."""

import pytest

from tapewire.bus.messages import Alarm, Due, Gap, LinkState
from tapewire.bus.testing import bar, eastern, event
from tapewire.daemons.shell.watch import DUE, JOURNAL, Watch

SECOND_NS = 1_000_000_000
BEGUN = 500 * SECOND_NS  # of the monotonic clock


@pytest.fixture
def watch() -> Watch:
    """Open, and allows the logger fifteen seconds."""
    made = Watch(15, BEGUN)
    made.open(BEGUN)
    return made


def test_market_time_goes_on_with_the_clock_after_the_last_word(watch: Watch) -> None:
    """A bar, then seven seconds of silence."""
    watch.heard(event(bar("11:00", 21_000.0)), BEGUN + SECOND_NS)

    assert watch.market_ns == eastern("11:00")
    assert watch.estimated_ns(BEGUN + 8 * SECOND_NS) == eastern("11:00") + 7 * SECOND_NS


@pytest.mark.parametrize(
    "word",
    [
        event(bar("10:59", 21_000.0)),
        event(Gap("raw.bar.MNQ.1m.", 1, 3, 4, "gate"), event_ns=eastern("12:00"), topic="sys.gap.gate."),
        event(Due(eastern("12:00")), event_ns=eastern("12:00"), topic=DUE),
    ],
    ids=["an older bar", "a gap, of the wall's time", "a time-out, itself an estimate"],
)
def test_what_is_no_news_of_the_market_does_not_move_it(watch: Watch, word: object) -> None:
    """Market time stays where the last bar has put it."""
    watch.heard(event(bar("11:00", 21_000.0)), BEGUN)
    watch.heard(word, BEGUN + SECOND_NS)

    assert watch.market_ns == eastern("11:00")
    assert watch.estimated_ns(BEGUN + SECOND_NS) == eastern("11:00") + SECOND_NS


@pytest.mark.parametrize(("waited", "due"), [(9, False), (10, True)])
def test_a_time_out_is_over_by_the_market_or_by_waiting(watch: Watch, waited: int, due: bool) -> None:
    """Ten seconds after the bar, whoever counts them; a core that wants none gets none."""
    watch.heard(event(bar("11:00", 21_000.0)), BEGUN)
    at_ns = eastern("11:00") + 10 * SECOND_NS

    assert watch.due(at_ns, BEGUN + waited * SECOND_NS) == (Due(at_ns) if due else None)
    assert watch.due(0, BEGUN + waited * SECOND_NS) is None


@pytest.mark.parametrize(("silent", "up"), [(14, True), (15, False)])
@pytest.mark.parametrize("beat", [None, BEGUN + 100 * SECOND_NS], ids=["never heard", "heard once"])
def test_a_logger_that_is_silent_for_too_long_is_news(watch: Watch, beat: int | None, silent: int, up: bool) -> None:
    """Counted from its last beat, or from when we opened."""
    now = (beat or BEGUN) + silent * SECOND_NS
    news = watch.journal(beat, now)

    assert news == (None if up else LinkState(False, "nothing heard of the logger for 15 s", "journal"))


def test_the_logger_is_news_once_each_way(watch: Watch) -> None:
    """Told that it is silent, a core is told no more until it is back; and a fold of that word ends in the same place."""
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


def test_the_venues_link_is_not_the_journals(watch: Watch) -> None:
    """The same message on its own topic says nothing of the logger."""
    watch.heard(event(LinkState(False), topic="venue.link."), BEGUN)
    watch.heard(event(Alarm("a", "b"), topic="sys.alarm.gate."), BEGUN)

    assert watch.journal_up
