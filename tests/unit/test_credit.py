"""History at the reader's pace: its requests, its records and its end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.credit import Pager
from tapewire.bus.errors import PeerError
from tapewire.bus.messages import HistoryRequest, Page

TOPIC = "raw.bar.MNQ.1m."


def page_of(request, records, *, at_most=10_000, end=None):
    """The reply of a logger with `records` records to a request; record n is the text n."""
    count = min(request.count, at_most)
    frames = tuple(str(n).encode() for n in range(request.start, min(request.start + count, records)))
    return Page(request.id, request.topic, request.start, frames, records if end is None else end)


def numbers(frames):
    return [int(frame) for frame in frames]


def fetch(pager, records, **how):
    """Request and reply until done. Returns the numbers of all delivered records."""
    out = []
    while not pager.done:
        requests = pager.requests()
        assert requests, "the pager waits for pages that it has not requested"
        for request in requests:
            out += numbers(pager.take(page_of(request, records, **how)))
    return out


@pytest.mark.parametrize("records", [0, 1, 9, 10, 11, 20, 95, 100])
@pytest.mark.parametrize("window", [1, 2, 5])
def test_every_record_comes_out_once_and_in_order(records, window):
    """For any length, chunk and credit."""
    assert fetch(Pager(TOPIC, chunk=10, window=window), records) == list(range(records))


def test_reading_starts_at_any_record():
    """A joiner that has a part requests only the rest."""
    pager = Pager(TOPIC, start=95, chunk=10)

    assert fetch(pager, 100) == [95, 96, 97, 98, 99]
    assert pager.position == 100


def test_a_start_beyond_the_end_gives_nothing():
    """No record exists there yet."""
    assert fetch(Pager(TOPIC, start=200), 100) == []


def test_requests_stay_within_the_window():
    """The window is the reader's memory: no further request until a page has arrived."""
    pager = Pager(TOPIC, chunk=10, window=2)
    first, second = pager.requests()

    assert (first, second) == (
        HistoryRequest(f"{TOPIC}[0:10]", TOPIC, 0, 10),
        HistoryRequest(f"{TOPIC}[10:20]", TOPIC, 10, 10),
    )
    assert pager.requests() == []
    pager.take(page_of(first, 100))
    assert [request.start for request in pager.requests()] == [20]


def test_a_page_that_waits_for_an_earlier_one_uses_credit():
    """If the first page is lost, later ones must not pile up without end."""
    pager = Pager(TOPIC, chunk=10, window=2)
    _, second = pager.requests()

    assert pager.take(page_of(second, 100)) == []
    assert pager.requests() == []


def test_pages_may_come_in_any_order():
    """Held until their turn, then released together."""
    pager = Pager(TOPIC, chunk=10, window=3)
    first, second, third = pager.requests()

    assert pager.take(page_of(third, 25)) == []
    assert pager.take(page_of(second, 25)) == []
    assert numbers(pager.take(page_of(first, 25))) == list(range(25))
    assert pager.done


def test_a_repeated_page_is_ignored():
    """A resent request may get two replies."""
    pager = Pager(TOPIC, chunk=10)
    first = pager.requests()[0]

    assert numbers(pager.take(page_of(first, 100))) == list(range(10))
    assert pager.take(page_of(first, 100)) == []


def test_after_a_time_out_the_same_requests_are_sent_again():
    """The same ids, so a late first reply still counts."""
    pager = Pager(TOPIC, chunk=10, window=2)
    requested = pager.requests()

    assert pager.resend() == requested
    pager.take(page_of(requested[0], 100))
    assert pager.resend() == requested[1:]


@pytest.mark.parametrize("window", [1, 2, 3])
def test_a_page_cut_short_by_its_size_is_completed(window):
    """A server may send fewer frames than requested; only `end` marks the end of the topic."""
    assert fetch(Pager(TOPIC, chunk=10, window=window), 95, at_most=7) == list(range(95))


def test_a_topic_that_grows_meanwhile_is_read_to_its_newest_end():
    """An early page reports 5 records, a later one 15: the five between are requested."""
    pager = Pager(TOPIC, chunk=10, window=2)
    first, second = pager.requests()
    pager.take(page_of(second, 15))
    out = numbers(pager.take(page_of(first, 5)))

    rest = pager.requests()
    assert rest == [HistoryRequest(f"{TOPIC}[5:10]", TOPIC, 5, 5)]
    assert out + numbers(pager.take(page_of(rest[0], 15))) == list(range(15))
    assert pager.done


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(Page(f"{TOPIC}[0:2]", "raw.bar.ES.1m.", 0, (b"0",), 9), id="another topic"),
        pytest.param(Page(f"{TOPIC}[0:2]", TOPIC, 1, (b"1",), 9), id="another start"),
        pytest.param(Page(f"{TOPIC}[0:2]", TOPIC, 0, (b"0", b"1", b"2"), 9), id="more than requested"),
        pytest.param(Page(f"{TOPIC}[0:2]", TOPIC, 0, (), 9), id="nothing, although there is more"),
    ],
)
def test_a_page_that_does_not_match_its_request_is_the_peers_fault(page):
    """It is refused with the request and the page, and the request stays pending."""
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


def test_a_topic_that_grows_behind_a_short_page_is_read_on():
    """The last page ended with the topic; an earlier one, cut by its size, reports one record more. Once a starting daemon waited
    for that record for ever, without a request."""
    pager = Pager(TOPIC, chunk=10, window=2)
    first, second = pager.requests()
    pager.take(page_of(second, 14))
    pager.take(page_of(first, 14, at_most=8))
    (rest,) = pager.requests()
    pager.take(page_of(rest, 15))

    assert not pager.done
    assert numbers(pager.take(page_of(pager.requests()[0], 15))) == [14]
    assert pager.done


@given(st.data())
def test_a_growing_topic_is_read_whole_whatever_the_order_of_the_pages(data):
    """Pages of any length, in any order, while records are added: each record comes once, in order, up to the last reported end."""
    chunk, window = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 4))
    records = data.draw(st.integers(0, 40))
    pager = Pager(TOPIC, chunk=chunk, window=window)
    waiting, out, end = [], [], 0
    while not pager.done:
        waiting += pager.requests()
        assert waiting, "the pager waits for pages that it has not requested"
        request = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
        if records < 80:
            records += data.draw(st.integers(0, 3))
        end = max(end, records)
        out += numbers(pager.take(page_of(request, records, at_most=data.draw(st.integers(1, 12)))))

    assert out == list(range(len(out)))
    assert len(out) == end
