"""The lines of a relay on its disk, and what it says of itself."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import structlog
import structlog.testing

from tapewire.bus import feed, wire
from tapewire.bus.clock import ManualClock
from tapewire.bus.errors import PeerError
from tapewire.bus.feed import FeedLine
from tapewire.bus.messages import Header, PublicSignal
from tapewire.bus.roles import SubscriberTier
from tapewire.daemons.operator import subscribers
from tapewire.daemons.relay import settings as kept
from tapewire.daemons.relay.above import AboveState, FeedPage
from tapewire.daemons.relay.held import HeldFeed
from tapewire.daemons.relay.settings import RelaySettings
from tapewire.daemons.settings.structs import Bus
from tests.golden.examples import EXAMPLES

SECOND = 1_000_000_000
TOPIC = "public.signal.MNQ."
SIGNAL = EXAMPLES["public_signal"][2]


def chain(count: int, session: str = "2026-03-02", *, behind: FeedLine | None = None, valid_until_ns: int = 0) -> list[FeedLine]:
    lines: list[FeedLine] = []
    for seq in range(1, count + 1):
        assert isinstance(SIGNAL, PublicSignal)
        body = msgspec.structs.replace(SIGNAL, session=session, valid_until_ns=valid_until_ns)
        lines.append(
            feed.next_line(lines[-1] if lines else behind, TOPIC, wire.encode(Header(1, "publisher", 1, seq, 1_000), body))
        )
    return lines


def state(number: int, market_ns: int = 1_000, late_s: float | None = 0.0) -> AboveState:
    return AboveState(SubscriberTier.PREMIUM, 0.0, {"MNQ": "MNQ 06-26"}, number, market_ns, "", 1, late_s)


def held(run: Path, clock: ManualClock | None = None, keep_days: int = 90) -> HeldFeed:
    about = RelaySettings("tcp://127.0.0.1:1", SubscriberTier.PREMIUM, "", Bus(), keep_days)
    return HeldFeed(run, about, clock or ManualClock(SECOND), structlog.wrap_logger(structlog.testing.CapturingLogger()))


def filled(made: HeldFeed, lines: list[FeedLine]) -> HeldFeed:
    """With these lines from above, and all there is."""
    made.begun()
    made.heard(state(lines[-1].number))
    while made.question is not None:
        made.page(made.question, page(made.question, lines))
        made.flush()
    return made


def page(after: int, lines: list[FeedLine]) -> FeedPage:
    found = [line for line in lines if line.number > after][:3]
    return FeedPage(found, found[-1].number if found else after, False)


def test_what_is_held_outlives_a_restart_byte_for_byte(tmp_path: Path) -> None:
    """And it goes on where it was."""
    lines = chain(5)
    filled(held(tmp_path), lines[:4]).close()

    again = filled(held(tmp_path), lines)

    assert again.after(0, 9) == lines
    texts = (tmp_path / "feed" / "2026-03-02.jsonl").read_bytes().splitlines()
    assert [feed.decoded(text) for text in texts] == lines


def test_a_first_start_is_filling_and_a_restart_is_not(tmp_path: Path) -> None:
    """Nobody has got a line of a relay that has never had one, so its past is not sent."""
    lines = chain(5)
    first = held(tmp_path)
    first.begun()
    assert first.flush() == []
    assert first.filling
    filled(first, lines[:4])
    assert not first.filling
    first.close()

    assert not held(tmp_path).filling


def test_each_trade_date_has_its_file_and_old_ones_go(tmp_path: Path) -> None:
    first = chain(2, "2026-03-02")
    second = chain(2, "2026-03-03", behind=first[-1])
    third = chain(2, "2026-06-30", behind=second[-1])

    made = filled(held(tmp_path, keep_days=90), [*first, *second, *third])

    assert sorted(path.name for path in (tmp_path / "feed").glob("*.jsonl")) == ["2026-06-30.jsonl"]
    assert made.after(0, 9) == third


@pytest.mark.parametrize("session", ["../../x", "", "2026-3-2", "2026-03-02/.."])
def test_a_trade_date_from_above_names_no_other_file(tmp_path: Path, session: str) -> None:
    filled(held(tmp_path / "a" / "b"), chain(1, session))

    assert [path.name for path in tmp_path.rglob("*.jsonl")] == ["1970-01-01.jsonl"]


def test_how_late_it_is_counts_from_when_all_was_here(tmp_path: Path) -> None:
    """With what the stream above was late itself; nil before that."""
    clock = ManualClock(SECOND)
    made = held(tmp_path, clock)
    assert made.state()["late_s"] is None
    filled(made, chain(2))
    clock.advance(2 * SECOND)

    assert made.state()["late_s"] == 2.0

    made.heard(state(2, late_s=0.7))
    clock.advance(SECOND)

    assert made.state()["late_s"] == 1.7
    assert made.state()["relays"] == 2

    made.heard(state(3))
    clock.advance(SECOND)

    assert made.state()["late_s"] == 2.7


def test_lines_before_the_first_state_say_nothing_about_lateness(tmp_path: Path) -> None:
    """A stream may begin with a line; when all was here is not known before the state comes."""
    made = held(tmp_path)
    made.begun()
    lines = chain(2)
    made.line(lines[1])
    made.page(0, page(0, lines))
    made.flush()

    assert made.whole
    assert made.filling
    assert made.state()["late_s"] is None


def test_signals_are_judged_by_market_time_which_goes_on_while_nothing_comes(tmp_path: Path) -> None:
    """Before anything was heard they are all over."""
    clock = ManualClock(SECOND)
    lines = chain(1, valid_until_ns=60 * SECOND)
    filled(held(tmp_path, clock), lines).close()
    made = held(tmp_path, clock)
    assert made.past.expired(lines[0])

    made.heard(state(1, market_ns=50 * SECOND))
    assert not made.past.expired(lines[0])
    clock.advance(4 * SECOND)
    assert not made.past.expired(lines[0])
    clock.advance(6 * SECOND)
    assert made.past.expired(lines[0])


def test_what_the_stream_above_said_last_outlives_a_restart(tmp_path: Path) -> None:
    filled(held(tmp_path), chain(2)).close()

    assert held(tmp_path).state()["contracts"] == {"MNQ": "MNQ 06-26"}


def test_a_stream_of_another_tier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="of the tier free"):
        held(tmp_path).heard(msgspec.structs.replace(state(0), tier=SubscriberTier.FREE))


def test_a_relays_subscribers_get_its_address_and_the_key_of_the_owner(tmp_path: Path) -> None:
    """Not a key of its own: nothing is signed here."""
    run = tmp_path / "relay"
    run.mkdir(mode=0o700)
    kept.write(run, RelaySettings("tcp://a:1", SubscriberTier.DELAYED, "the-owners", Bus(base_port=7_000, public_host="0.0.0.0")))

    subscribers.add("anna", "", "", run)
    subscribers.export("anna", tmp_path, run, "relay.example")

    file = (tmp_path / "anna.key").read_text()
    for line in (
        'tier = "delayed"',
        'stream = "tcp://relay.example:7021"',
        'ask = "tcp://relay.example:7023"',
        'signed_by = "the-owners"',
    ):
        assert line in file
    assert not list(run.rglob("*signing*"))
