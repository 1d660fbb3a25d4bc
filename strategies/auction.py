"""The auction of a session by price: TPOs and volume in rows, and what is read from them. Incremental, and exact in whole numbers.

Prices are whole ticks here, and a row is a fixed number of ticks: row `r` of `n` ticks holds the ticks r*n to r*n + n - 1.

**TPOs** (time-price opportunities). The session is cut into brackets of thirty minutes from its open. A bracket leaves one TPO in
every row between its low and its high, also in rows between two of its bars.

**Volume at price** is an approximation: a one-minute bar tells how much traded between its low and its high, not where. Its
contracts are spread evenly over the ticks of its range, which assumes no more than the bar says: weights for the close or the
middle would add a shape that was not observed. They stay whole contracts: the first k of m ticks get round(k*v/m) of v, half up. So
every sum is exact, and no order of additions changes it.

**The value area** is that of the Chicago Board of Trade's handbook (CBOT Market Profile, 1991; J. Dalton, Mind over Markets, 1990,
appendix 1): the rows around the point of control with 70 % of the whole. From the point of control on, the sum of the next two rows
above is compared with that of the next two below, and the pair with the larger sum is added whole, until 70 % are reached. The last
row of a side stands for a pair. The sources leave equal figures open or differ; here:

    rows with the same most        the point of control is the one nearest to the middle of the range; of two as near, the lower
    pairs with the same sum        the upper pair is added

A row without anything counts as a row with 0.
"""

from __future__ import annotations

BRACKET = 30
"""Minutes of a bracket."""

MOST_ROWS = 1 << 14
"""Rows that a profile may have: so many ticks of NQ are 4,096 points. A wider range is no session of a market."""


class AuctionRows:
    """The profile of one session.

    lowest: number of the first row. counts: TPOs of each row, from the lowest up, without a hole. letters: the same with the
    brackets named: bit 0 is A. volumes: contracts. tpos, volume: the sums. bracket: the newest, from 0; -1 before the first.
    """

    __slots__ = ("_first", "_last", "bracket", "counts", "letters", "lowest", "row_ticks", "tpos", "volume", "volumes")

    def __init__(self, row_ticks: int) -> None:
        self.row_ticks = row_ticks
        self.lowest = 0
        self.counts: list[int] = []
        self.letters: list[int] = []
        self.volumes: list[int] = []
        self.tpos = 0
        self.volume = 0
        self.bracket = -1
        self._first = 0  # rows of the newest bracket
        self._last = 0

    def fits(self, low: int, high: int) -> bool:
        """Whether a bar leaves the profile within MOST_ROWS."""
        first, last = low // self.row_ticks, high // self.row_ticks
        if self.counts:
            first, last = min(first, self.lowest), max(last, self.lowest + len(self.counts) - 1)
        return last - first < MOST_ROWS

    def fold(self, bracket: int, low: int, high: int, volume: int) -> bool:
        """Take a bar that fits, of the newest bracket or a later one. low, high: ticks. Returns whether it left a TPO."""
        first, last = low // self.row_ticks, high // self.row_ticks
        self._reach(first, last)
        if volume > 0:
            self._spread(low, high, first, last, volume)
        if bracket > self.bracket:
            self.bracket, self._first, self._last = bracket, first, last
            self._mark(first, last)
            return True
        grown = False
        if first < self._first:
            self._mark(first, self._first - 1)
            self._first, grown = first, True
        if last > self._last:
            self._mark(self._last + 1, last)
            self._last, grown = last, True
        return grown

    def _reach(self, first: int, last: int) -> None:
        if not self.counts:
            self.lowest = first
        below = self.lowest - first
        if below > 0:
            self.counts[:0] = [0] * below
            self.letters[:0] = [0] * below
            self.volumes[:0] = [0] * below
            self.lowest = first
        above = last - self.lowest - len(self.counts) + 1
        if above > 0:
            self.counts += [0] * above
            self.letters += [0] * above
            self.volumes += [0] * above

    def _mark(self, first: int, last: int) -> None:
        bit = 1 << self.bracket
        for at in range(first - self.lowest, last - self.lowest + 1):
            self.counts[at] += 1
            self.letters[at] |= bit
        self.tpos += last - first + 1

    def _spread(self, low: int, high: int, first: int, last: int, volume: int) -> None:
        n, ticks = self.row_ticks, high - low + 1
        self.volume += volume
        given = 0
        for row in range(first, last + 1):
            upto = min((row + 1) * n - low, ticks)
            share = (2 * upto * volume + ticks) // (2 * ticks)
            self.volumes[row - self.lowest] += share - given
            given = share


def point_of_control(rows: list[int]) -> int:
    """The place of the row with the most; of several the one nearest to the middle, of two as near the lower."""
    most = max(rows)
    at = rows.index(most)
    if rows.count(most) == 1:
        return at
    ends = len(rows) - 1
    best = at
    for at in range(best + 1, len(rows)):
        if rows[at] == most and abs(2 * at - ends) < abs(2 * best - ends):
            best = at
    return best


def value_area(rows: list[int], total: int) -> tuple[int, int, int] | None:
    """The places of the point of control and of the area's lowest and highest row. total: the rows' sum. None if that is 0."""
    if total <= 0:
        return None
    poc = point_of_control(rows)
    below = above = poc
    inside, top = rows[poc], len(rows) - 1
    up, down = _above(rows, poc), _below(rows, poc)
    while 10 * inside < 7 * total:
        if above < top and (up >= down or below == 0):
            inside += up
            above = min(above + 2, top)
            up = _above(rows, above)
        else:
            inside += down
            below = max(below - 2, 0)
            down = _below(rows, below)
    return poc, below, above


def _above(rows: list[int], at: int) -> int:
    """The next two rows, or the last one."""
    left = len(rows) - 1 - at
    return rows[at + 1] + rows[at + 2] if left > 1 else rows[at + 1] if left else 0


def _below(rows: list[int], at: int) -> int:
    return rows[at - 1] + rows[at - 2] if at > 1 else rows[0] if at else 0


def tails(rows: AuctionRows, over: int) -> tuple[int, int]:
    """Rows of the tail at the low and at the high: single TPOs from the extreme inwards; 0 without one.

    An extreme of the newest bracket has no tail yet: no later bracket has confirmed it (Dalton, Mind over Markets, chapter 2).
    over: the first so many brackets are over; rows of others end a tail.
    """
    counts, letters = rows.counts, rows.letters
    newest, ended = 1 << rows.bracket, 1 << over
    low = high = 0
    if counts and counts[0] == 1 and letters[0] < newest:
        while low < len(counts) and counts[low] == 1 and letters[low] < ended:
            low += 1
    if counts and counts[-1] == 1 and letters[-1] < newest:
        while high < len(counts) and counts[-1 - high] == 1 and letters[-1 - high] < ended:
            high += 1
    return low, high


def single_prints(rows: AuctionRows, over: int) -> list[tuple[int, int]]:
    """Places of the first and last row of each run of single TPOs within the profile, from the lowest up.

    Only of brackets that are over. A run that reaches the session's high or low is a tail, or none yet, and does not count.
    """
    counts, letters, ended = rows.counts, rows.letters, 1 << over
    found: list[tuple[int, int]] = []
    first = -1
    for at in range(len(counts)):
        if counts[at] == 1 and letters[at] < ended:
            if first < 0:
                first = at
        elif first >= 0:
            if first > 0:
                found.append((first, at - 1))
            first = -1
    return found
