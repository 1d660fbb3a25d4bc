"""What a relay takes of the stream above: every line once and in order, and none of another feed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from tapewire.bus import feed
from tapewire.bus.errors import JournalError
from tapewire.bus.feed import FeedHead, FeedLine
from tapewire.daemons.relay.uptake import AHEAD, Uptake

KEY = SigningKey(bytes(32))
TOPIC = "public.signal.MNQ."


def chain(count: int, start: bytes = b"") -> list[FeedLine]:
    """So many lines, each after the one before; another `start` gives another feed."""
    lines: list[FeedLine] = []
    for number in range(1, count + 1):
        lines.append(feed.next_line(lines[-1] if lines else None, TOPIC, start + bytes([number % 256])))
    return lines


def uptake(held: list[FeedLine], *, whole: bool = True) -> Uptake:
    by_number = {line.number: line for line in held}
    return Uptake(held[-1] if held else None, by_number.get, whole=whole, key=KEY.verify_key)


def asked(taking: Uptake, above: list[FeedLine], page: int = 3) -> list[FeedLine]:
    """Answer its questions as the stream above would, until it has none."""
    taken: list[FeedLine] = []
    while (number := taking.question) is not None:
        found = [line for line in above if line.number > number][:page]
        taken += taking.page(number, found, found[-1].number if found else number)
    return taken


def test_lines_that_follow_are_taken_as_they_come() -> None:
    taking = uptake([])
    lines = chain(3)

    taking.told(0)

    assert [taking.line(line) for line in lines] == [[line] for line in lines]
    assert taking.question is None
    assert taking.whole


def test_a_line_that_does_not_follow_waits_for_what_is_asked() -> None:
    """It comes after the answer, once, and in its place."""
    lines = chain(6)
    taking = uptake(lines[:2])
    taking.told(2)
    assert asked(taking, lines[:2]) == []

    assert taking.line(lines[4]) == []
    assert taking.question == 2
    assert asked(taking, lines[:4]) == lines[2:5]
    assert taking.line(lines[4]) == []
    assert taking.line(lines[5]) == [lines[5]]


def test_the_state_above_tells_of_a_line_that_was_lost() -> None:
    lines = chain(4)
    taking = uptake(lines[:3])

    taking.told(4)

    assert not taking.whole
    assert asked(taking, lines) == lines[3:]
    assert taking.whole


def test_a_new_connection_begins_with_a_comparison() -> None:
    """Nothing is taken before the last line that both have was seen to be the same."""
    lines = chain(5)
    taking = uptake(lines[:3])
    taking.begin()

    assert taking.line(lines[3]) == []
    taking.told(4)
    assert taking.question == 2
    assert asked(taking, lines[:4]) == [lines[3]]


@pytest.mark.parametrize("above", [1, 2, 3, 5])
def test_a_feed_that_was_begun_anew_is_found_out(above: int) -> None:
    """However many lines it has by now."""
    taking = uptake(chain(3))
    taking.begin()
    taking.told(above)

    with pytest.raises(JournalError, match=f"another feed .* number {min(3, above)} is not the same"):
        asked(taking, chain(above, b"other"))


def test_a_feed_that_has_no_line_yet_is_waited_for() -> None:
    """A new feed, or a publisher that has not recovered yet."""
    taking = uptake(chain(3))
    taking.begin()

    taking.told(0)

    assert taking.question is None
    assert not taking.whole


def test_lines_that_nobody_keeps_any_more_end_the_relay() -> None:
    lines = chain(9)
    taking = uptake(lines[:3])
    taking.begin()
    taking.told(9)

    with pytest.raises(JournalError, match="after number 3 the stream above has 7 first"):
        asked(taking, lines[6:])


def test_a_first_start_takes_what_is_still_kept() -> None:
    lines = chain(9)
    taking = uptake([])
    taking.told(9)

    assert asked(taking, lines[6:]) == lines[6:]


def test_a_forged_line_and_a_forged_head_are_not_passed_on() -> None:
    lines = chain(3)
    head = feed.next_head(lines[1], KEY, FeedHead("2026-03-02", 5, False))
    forged = feed.next_head(lines[1], SigningKey(b"x" * 32), FeedHead("2026-03-02", 5, False))

    assert uptake(lines[:2]).page(1, [lines[1], head], 3) == [head]
    with pytest.raises(JournalError, match="not what its owner has signed: number 3"):
        uptake(lines[:2]).page(1, [lines[1], forged], 3)
    with pytest.raises(JournalError, match="number 4 is not the same"):
        uptake(lines).page(2, [lines[2], FeedLine(4, TOPIC, "00" * 32, b"")], 4)


def test_lines_of_the_free_tier_have_holes_and_none_is_lost() -> None:
    """Its numbers are those of the whole feed, so each line that comes is a reason to ask."""
    lines = [line for line in chain(30) if line.number % 10 == 0]
    taking = uptake([], whole=False)
    taking.told(10)
    assert asked(taking, lines[:1]) == lines[:1]

    assert taking.line(lines[2]) == []
    assert asked(taking, lines) == lines[1:]
    assert taking.whole


def test_a_flood_of_lines_ahead_is_bounded_and_asked_for() -> None:
    lines = chain(AHEAD + 500)
    taking = uptake(lines[:1])
    taking.begin()
    for line in lines[2:]:
        taking.line(line)
    taking.told(len(lines))

    assert asked(taking, lines, page=200) == lines[1:]


def test_an_answer_without_progress_is_not_asked_again_before_the_next_word() -> None:
    taking = uptake([])
    taking.told(5)

    assert taking.question == 0
    assert taking.page(0, [], 0) == []
    assert taking.question is None
    taking.told(5)
    assert taking.question == 0


@given(st.randoms(use_true_random=False), st.integers(0, 30), st.integers(0, 40))
def test_any_losses_and_reconnections_leave_the_stream_whole(chance: random.Random, held: int, more: int) -> None:
    """Lines lost, doubled, out of order, connections that begin again: what is taken is the feed, once and in order."""
    lines = chain(held + more)
    taking = uptake(lines[:held])
    taken: list[FeedLine] = []
    for at in range(held, len(lines)):
        if chance.random() < 0.2:
            taking.begin()
        for _ in range(chance.choice((0, 1, 1, 2))):
            taken += taking.line(lines[chance.randint(max(0, at - 3), at)])
        if chance.random() < 0.3:
            taking.told(at + 1)
            taken += asked(taking, lines[: at + 1], page=chance.randint(1, 5))
    taking.told(len(lines))
    taken += asked(taking, lines)

    assert taken == lines[held:]
