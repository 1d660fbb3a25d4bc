"""History at the reader's pace: what may be asked, what comes out, when it ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.credit import Pager
from tapewire.bus.errors import PeerError
from tapewire.bus.messages import HistoryRequest, Page

TOPIC = "raw.bar.MNQ.1m."


def answer(request, records, *, at_most=10_000, end=None):
    """What a logger that holds `records` records says to a request; record n is the text n."""
    count = min(request.count, at_most)
    frames = tuple(str(n).encode() for n in range(request.start, min(request.start + count, records)))
    return Page(request.id, request.topic, request.start, frames, records if end is None else end)


def numbers(frames):
    return [int(frame) for frame in frames]


def fetch(pager, records, **how):
    """Ask and answer until done; gives the numbers of all records that came out."""
    out = []
    while not pager.done:
        requests = pager.requests()
        assert requests, "the pager waits for answers it has not asked for"
        for request in requests:
            out += numbers(pager.take(answer(request, records, **how)))
    return out


@pytest.mark.parametrize("records", [0, 1, 9, 10, 11, 20, 95, 100])
@pytest.mark.parametrize("window", [1, 2, 5])
def test_every_record_comes_out_once_and_in_order(records, window):
    """Whatever the length, the chunk and the credit."""
    assert fetch(Pager(TOPIC, chunk=10, window=window), records) == list(range(records))


def test_reading_starts_at_any_record():
    """A joiner that has some of it asks only for the rest."""
    pager = Pager(TOPIC, start=95, chunk=10)

    assert fetch(pager, 100) == [95, 96, 97, 98, 99]
    assert pager.position == 100


def test_a_start_beyond_the_end_gives_nothing():
    """Nothing has been written there yet."""
    assert fetch(Pager(TOPIC, start=200), 100) == []


def test_no_more_is_asked_than_the_window_allows():
    """The window is the reader's memory: nothing further is asked until a page has arrived."""
    pager = Pager(TOPIC, chunk=10, window=2)
    first, second = pager.requests()

    assert (first, second) == (
        HistoryRequest(f"{TOPIC}[0:10]", TOPIC, 0, 10),
        HistoryRequest(f"{TOPIC}[10:20]", TOPIC, 10, 10),
    )
    assert pager.requests() == []
    pager.take(answer(first, 100))
    assert [request.start for request in pager.requests()] == [20]


def test_a_page_that_waits_for_an_earlier_one_uses_credit():
    """If the first page is lost, later ones must not pile up without end."""
    pager = Pager(TOPIC, chunk=10, window=2)
    _, second = pager.requests()

    assert pager.take(answer(second, 100)) == []
    assert pager.requests() == []


def test_pages_may_come_in_any_order():
    """Held until their turn, then released together."""
    pager = Pager(TOPIC, chunk=10, window=3)
    first, second, third = pager.requests()

    assert pager.take(answer(third, 25)) == []
    assert pager.take(answer(second, 25)) == []
    assert numbers(pager.take(answer(first, 25))) == list(range(25))
    assert pager.done


def test_a_repeated_page_is_ignored():
    """A resent request may be answered twice."""
    pager = Pager(TOPIC, chunk=10)
    first = pager.requests()[0]

    assert numbers(pager.take(answer(first, 100))) == list(range(10))
    assert pager.take(answer(first, 100)) == []


def test_after_a_time_out_the_same_requests_are_sent_again():
    """The same ids, so that a late first answer still counts."""
    pager = Pager(TOPIC, chunk=10, window=2)
    asked = pager.requests()

    assert pager.resend() == asked
    pager.take(answer(asked[0], 100))
    assert pager.resend() == asked[1:]


@pytest.mark.parametrize("window", [1, 2, 3])
def test_a_page_cut_short_by_its_size_is_completed(window):
    """A server may give fewer frames than asked for; only `end` says where the topic ends."""
    assert fetch(Pager(TOPIC, chunk=10, window=window), 95, at_most=7) == list(range(95))


def test_a_topic_that_grows_meanwhile_is_read_to_its_newest_known_end():
    """An early page saw 5 records, a later one 15: the five between are asked for."""
    pager = Pager(TOPIC, chunk=10, window=2)
    first, second = pager.requests()
    pager.take(answer(second, 15))
    out = numbers(pager.take(answer(first, 5)))

    rest = pager.requests()
    assert rest == [HistoryRequest(f"{TOPIC}[5:10]", TOPIC, 5, 5)]
    assert out + numbers(pager.take(answer(rest[0], 15))) == list(range(15))
    assert pager.done


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(Page(f"{TOPIC}[0:2]", "raw.bar.ES.1m.", 0, (b"0",), 9), id="another topic"),
        pytest.param(Page(f"{TOPIC}[0:2]", TOPIC, 1, (b"1",), 9), id="another start"),
        pytest.param(Page(f"{TOPIC}[0:2]", TOPIC, 0, (b"0", b"1", b"2"), 9), id="more than asked"),
        pytest.param(Page(f"{TOPIC}[0:2]", TOPIC, 0, (), 9), id="nothing, although there is more"),
    ],
)
def test_a_page_that_does_not_answer_the_question_is_the_peers_fault(page):
    """It is refused with what was asked and what came, and the request stays open."""
    pager = Pager(TOPIC, chunk=2)
    pager.requests()

    with pytest.raises(PeerError, match="requested were 2"):
        pager.take(page)
    assert len(pager.resend()) == 2


@pytest.mark.parametrize("choice", [{"start": -1}, {"chunk": 0}, {"window": 0}])
def test_impossible_settings_are_refused(choice):
    """A window of 0 would wait for ever."""
    with pytest.raises(ValueError, match="need start >= 0, chunk >= 1, window >= 1"):
        Pager(TOPIC, **choice)


def test_a_topic_that_grows_behind_a_short_page_is_gone_on_with():
    """The last page ended where the topic did; an earlier one, cut by its size, tells of one record more. It was once waited for
    without having been asked for, by a starting daemon for ever."""
    pager = Pager(TOPIC, chunk=10, window=2)
    first, second = pager.requests()
    pager.take(answer(second, 14))
    pager.take(answer(first, 14, at_most=8))
    (rest,) = pager.requests()
    pager.take(answer(rest, 15))

    assert not pager.done
    assert numbers(pager.take(answer(pager.requests()[0], 15))) == [14]
    assert pager.done


@given(st.data())
def test_a_growing_topic_is_read_whole_whatever_the_order_of_the_pages(data):
    """Pages of any length, answered in any order, while records are added: each comes out once, in order, to the last known end."""
    chunk, window = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 4))
    records = data.draw(st.integers(0, 40))
    pager = Pager(TOPIC, chunk=chunk, window=window)
    waiting, out, end = [], [], 0
    while not pager.done:
        waiting += pager.requests()
        assert waiting, "the pager waits for answers it has not asked for"
        request = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
        if records < 80:
            records += data.draw(st.integers(0, 3))
        end = max(end, records)
        out += numbers(pager.take(answer(request, records, at_most=data.draw(st.integers(1, 12)))))

    assert out == list(range(len(out)))
    assert len(out) == end
