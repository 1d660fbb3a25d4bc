"""The pace of a replay, by a clock of the test's: it only delays bars, and what it cannot do it refuses with a code."""

from __future__ import annotations

import math

import pytest

from tapewire.bus.errors import Refused
from tapewire.bus.testing import DAY, bar, eastern
from tapewire.replay.pace import NEVER_NS, Pace

SECOND_NS = 1_000_000_000
BARS = [bar(f"10:{minute:02}", 100.0) for minute in range(60)]


class Session:
    """Sixty bars from 10:00, and a clock that a test moves. `play` plays what is due, and returns the last bar's minute."""

    def __init__(self, *, speed: float = math.inf, paused: bool = False) -> None:
        self.pace = Pace(speed=speed, paused=paused, bars=len(BARS), last_ns=BARS[-1].close_ns)
        self.now_ns = 7 * SECOND_NS
        self.pace.wait_ns(BARS[0], self.now_ns)

    def play(self, seconds: float = 0.0) -> int:
        self.now_ns += int(seconds * SECOND_NS)
        while self.pace.played < len(BARS) and self.pace.wait_ns(BARS[self.pace.played], self.now_ns) == 0:
            self.pace.done(BARS[self.pace.played])
        return self.pace.played - 1


def test_without_a_word_every_bar_is_due_at_once() -> None:
    """As fast as the daemons go."""
    assert Session().play() == 59


def test_a_paused_replay_waits_for_start() -> None:
    """However long it takes; `start` twice is as once."""
    session = Session(paused=True)

    assert session.play(86_400) == -1
    assert session.pace.wait_ns(BARS[0], session.now_ns) == NEVER_NS
    session.pace.start()
    assert session.pace.start()["status"] == "playing"
    assert session.play() == 59


def test_a_multiple_of_real_time_spaces_the_bars() -> None:
    """At 60 a bar a second, the first at once."""
    session = Session(speed=60)

    assert [session.play(seconds) for seconds in (0, 0.5, 0.5, 3)] == [0, 0, 1, 4]


def test_a_new_speed_counts_from_here() -> None:
    """Half of the wait is over: what is left is scaled, and nothing is caught up."""
    session = Session(speed=60)
    session.play(0.5)

    session.pace.set_speed("6")

    assert [session.play(seconds) for seconds in (4.9, 0.2, 10)] == [0, 1, 2]
    session.pace.set_speed("max")
    assert session.play() == 59


def test_a_pause_is_not_caught_up() -> None:
    """After an hour's pause the next bar is due at once, and the one after it a second later."""
    session = Session(speed=60)
    session.play(2)
    session.pace.pause()

    assert session.play(3600) == 2
    session.pace.start()
    assert [session.play(seconds) for seconds in (0, 0.9, 0.1)] == [3, 3, 4]


def test_steps_add_up_and_end_in_a_pause() -> None:
    """Two words before the player has looked: three bars."""
    session = Session(speed=60)
    session.play()
    session.pace.step()

    assert session.pace.step("2")["status"] == "stepping"
    assert session.play() == 3
    assert session.pace.status == "paused"
    assert session.play(60) == 3


@pytest.mark.parametrize(("paused", "status", "later"), [(True, "paused", 30), (False, "playing", 33)])
def test_a_seek_plays_up_to_a_time_and_goes_on_as_before(paused: bool, status: str, later: int) -> None:
    """The bar of that time is the last: paused it stays there; at a speed the next one follows at once."""
    session = Session(speed=60, paused=paused)

    assert session.pace.seek("10:30")["status"] == "seeking"
    session.play()

    assert session.pace.status == status
    assert session.play(2) == later


@pytest.mark.parametrize(
    ("verb", "argument", "code"),
    [
        ("seek", "2020-01-01 10:00", "BACKWARD"),
        ("seek", "10:14", "BEYOND_END"),  # the next time it is so late is tomorrow
        ("seek", "soon", "TIME"),
        ("seek", "", "TIME"),
        ("step", "0", "STEPS"),
        ("step", "-1", "STEPS"),
        ("step", "1000001", "STEPS"),
        ("step", "²", "STEPS"),
        ("speed", "0", "SPEED"),
        ("speed", "nan", "SPEED"),
        ("speed", "inf", "SPEED"),
        ("speed", "", "SPEED"),
        ("start", "now", "ARGUMENT"),
        ("pause", "5", "ARGUMENT"),
    ],
)
def test_what_it_cannot_do_it_refuses_and_changes_nothing(verb: str, argument: str, code: str) -> None:
    """With a code; it goes on as it was."""
    session = Session(speed=60)
    session.play(15)
    before = session.pace.state()

    with pytest.raises(Refused, match=f"^{code}: ") as refused:
        session.pace.verbs[verb](argument)

    assert refused.value.code == code
    assert session.pace.state() == before


def test_a_time_with_an_offset_is_that_time() -> None:
    """Without one it is New York's."""
    session = Session(paused=True)
    at = eastern("10:20")

    session.pace.seek(f"{DAY}T15:20+00:00")

    assert session.play() == 20
    assert BARS[20].close_ns == at


def test_the_keys_climb_a_ladder() -> None:
    """Slower than the fastest is an hour a second; slower than the slowest is the slowest."""
    pace = Session().pace

    pace.slower()
    assert pace.state()["speed"] == "3600"
    pace.faster()
    assert pace.state()["speed"] == "max"
    pace.set_speed("1.5")
    pace.slower()
    pace.slower()
    assert pace.state()["speed"] == "1"


def test_it_tells_a_person_what_it_does() -> None:
    """For the line below the command."""
    session = Session(speed=60, paused=True)

    assert session.pace.words() == "paused before the first bar"
    session.pace.toggle()
    assert session.pace.words() == "playing at 60"
    session.play()
    session.pace.toggle()
    assert session.pace.words() == f"paused at {DAY} 10:00"
