"""When the next bar of a replay is due, and what a person may say about it: start, pause, step, speed, seek.

A pace only delays bars. It leaves none out and changes none, so a replay that was paused, stepped, sped up and sought ends with the
bytes of an undisturbed one. Hence `seek` goes forward only: it plays without a pause up to a time. What has been decided stays
decided, and a replay of an earlier time is another run.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from tapewire.bus.errors import Refused
from tapewire.bus.messages import Bar
from tapewire.strategies.clock import MINUTE_NS, NEW_YORK, SECOND_NS, new_york

NEVER_NS = 1 << 62
MOST_STEPS = 1_000_000
FASTEST = 1e6
LADDER = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, math.inf)
"""Multiples of real time for the keys faster and slower; the last is as fast as the daemons go."""

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class Pace:
    """The pace of one replay. All `now_ns` are readings of one monotonic clock.

    speed: multiple of real time; infinity is as fast as the daemons go. paused: no bar is due. played: bars so far.

    Args:
        bars: how many the recording has. last_ns: close of the last one; 0 if neither is known.
        paused: wait for `start` before the first bar.
    """

    def __init__(self, *, speed: float = math.inf, paused: bool = False, bars: int = 0, last_ns: int = 0) -> None:
        self.speed = speed
        self.paused = paused
        self.played = 0
        self._bars = bars
        self._last_ns = last_ns
        self._at_ns = 0  # close of the last bar played, or open of the first
        self._next_ns: int | None = None  # monotonic; None: at once
        self._steps = 0
        self._seek_ns = 0
        self._now_ns = 0

    # --- for the player -------------------------------------------------------------------------------------------------------

    def wait_ns(self, bar: Bar, now_ns: int) -> int:
        """How long the next bar has to wait; 0: play it now."""
        self._now_ns = now_ns
        self._at_ns = self._at_ns or bar.open_ns
        if self._seek_ns:
            if bar.close_ns <= self._seek_ns:
                return 0
            self._seek_ns, self._next_ns = 0, None
        if self._steps:
            return 0
        if self.paused:
            return NEVER_NS
        if self._next_ns is None:
            self._next_ns = now_ns
        return max(0, self._next_ns - now_ns)

    def done(self, bar: Bar) -> None:
        """The bar has been played."""
        self.played += 1
        self._at_ns = bar.close_ns
        self._steps = max(0, self._steps - 1)
        if self._next_ns is not None and not self._seek_ns:
            self._next_ns += self._interval_ns()

    @property
    def status(self) -> str:
        """playing, stepping, seeking or paused."""
        if self._seek_ns:
            return "seeking"
        return "stepping" if self._steps else "paused" if self.paused else "playing"

    def words(self) -> str:
        """What it does, for a person."""
        if self.status != "paused":
            return f"{self.status} at {shown(self.speed)}" if self.status == "playing" else self.status
        return f"paused at {new_york(self._at_ns):%Y-%m-%d %H:%M}" if self.played else "paused before the first bar"

    @property
    def keys(self) -> Mapping[str, Callable[[], object]]:
        """What the keys of a terminal do."""
        return {"space": self.toggle, "right": self.step, "up": self.faster, "down": self.slower}

    # --- what a person says ---------------------------------------------------------------------------------------------------

    @property
    def verbs(self) -> Mapping[str, Callable[[str], dict[str, Any]]]:
        """The verbs of the replay's control port. Each raises Refused, and changes nothing then."""
        return {"start": self.start, "pause": self.pause, "step": self.step, "speed": self.set_speed, "seek": self.seek}

    def start(self, argument: str = "") -> dict[str, Any]:
        """Play on, at the speed that is set."""
        _nothing("start", argument)
        if self.paused:
            self.paused, self._next_ns = False, None
        return self.state()

    def pause(self, argument: str = "") -> dict[str, Any]:
        """Stop behind the bar that is being played; it ends a step and a seek as well."""
        _nothing("pause", argument)
        self.paused, self._steps, self._seek_ns = True, 0, 0
        return self.state()

    def step(self, argument: str = "") -> dict[str, Any]:
        """Play so many bars at once (one without a number), and pause."""
        steps = 1 if not argument else int(argument) if argument.isascii() and argument.isdigit() else 0
        if not 1 <= self._steps + steps <= MOST_STEPS or steps < 1:
            raise Refused("STEPS", f"{argument!r}: write a number of bars from 1 to {MOST_STEPS}")
        self.paused, self._seek_ns = True, 0
        self._steps += steps
        return self.state()

    def set_speed(self, argument: str) -> dict[str, Any]:
        """Play at another multiple of real time from here on; a pause stays a pause."""
        speed = parsed_speed(argument)
        if self._next_ns is not None:
            left_ns = max(0, self._next_ns - self._now_ns)
            scaled = 0.0 if math.isinf(speed) or math.isinf(self.speed) else left_ns * self.speed / speed
            self._next_ns = self._now_ns + int(scaled)
        self.speed = speed
        return self.state()

    def seek(self, argument: str) -> dict[str, Any]:
        """Play every bar up to this time without a pause, and then go on as before: paused, or at the speed that is set."""
        at_ns = self._time(argument)
        if at_ns < self._at_ns:
            text = f"the replay stands at {_stamp(self._at_ns)}, and what it has decided stays decided"
            raise Refused("BACKWARD", f"{text}; for {_stamp(at_ns)} stop it and start another")
        if self._last_ns and at_ns > self._last_ns:
            raise Refused("BEYOND_END", f"{_stamp(at_ns)}: the recording ends at {_stamp(self._last_ns)}")
        self._steps, self._seek_ns = 0, at_ns
        return self.state()

    def toggle(self) -> None:
        """Pause, or play on."""
        if self.status == "paused":
            self.start()
        else:
            self.pause()

    def faster(self) -> None:
        """The next speed up the ladder."""
        self.set_speed(shown(next((each for each in LADDER if each > self.speed), self.speed)))

    def slower(self) -> None:
        """The next speed down the ladder."""
        self.set_speed(shown(next((each for each in reversed(LADDER) if each < self.speed), self.speed)))

    def state(self) -> dict[str, Any]:
        """What the control port shows of it. time: close of the last bar that was played, in New York; empty before the first."""
        return {
            "status": self.status,
            "speed": shown(self.speed),
            "bar": self.played,
            "bars": self._bars,
            "time": _stamp(self._at_ns) if self.played else "",
        }

    def _interval_ns(self) -> int:
        return 0 if math.isinf(self.speed) else int(MINUTE_NS / self.speed)

    def _time(self, argument: str) -> int:
        here = new_york(self._at_ns)
        if _CLOCK.fullmatch(argument):
            at = here.replace(hour=int(argument[:2]), minute=int(argument[3:]), second=0)
            at = at if at >= here else at + dt.timedelta(1)
        else:
            try:
                at = dt.datetime.fromisoformat(argument)
            except ValueError:
                text = "write HH:MM or YYYY-MM-DD HH:MM in New York, or a time with its offset"
                raise Refused("TIME", f"{argument[:40]!r}: {text}") from None
            at = at if at.tzinfo else at.replace(tzinfo=NEW_YORK)
        return int(at.timestamp()) * SECOND_NS


def parsed_speed(text: str) -> float:
    """`max`, or a multiple of real time. Raises Refused."""
    try:
        speed = math.inf if text == "max" else float(text)
    except ValueError:
        speed = 0.0
    if text != "max" and not 0 < speed < FASTEST:
        raise Refused("SPEED", f"{text[:40]!r}: write max, or a multiple of real time above 0, such as 60")
    return speed


def shown(speed: float) -> str:
    """A speed as a person writes it."""
    return "max" if math.isinf(speed) else f"{speed:.12g}"


def _nothing(verb: str, argument: str) -> None:
    if argument:
        raise Refused("ARGUMENT", f"{argument[:40]!r}: {verb} takes none")


def _stamp(at_ns: int) -> str:
    return new_york(at_ns).isoformat(timespec="minutes")
