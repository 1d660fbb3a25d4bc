"""Numbers from text by whole-number arithmetic, eight signs at a time and no Python object a cell.

A cell is taken as one or two words of 64 bits, its last sign in the highest byte, with 0 before its first sign. Each byte is the
sign's code exclusive-or that of `0`, so that a digit is its own value, and eight digits are a number after three multiplications. A
decimal sign is found by its byte, and the signs before it move up by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapewire.replay.sources.table import Flags, Floats, Whole

WORD = 8  # signs
PADDING = 8 * WORD  # bytes that must stand before the first cell, and behind the last
LONGEST = 2 * WORD  # signs of a decimal number that is read here
LONGEST_WHOLE = 19  # digits of the greatest 64-bit number
EXACT = 1 << 53  # up to here a float holds every whole number, so that one division rounds once

Words = NDArray[np.uint64]

BEGINNINGS = np.array([(1 << 8 * signs) - 1 for signs in range(WORD + 1)], np.uint64)  # masks for so many first signs of a word
_ENDS = ~BEGINNINGS[::-1]  # for so many last ones
_ONES = 0x0101010101010101
_ZEROS = np.uint64(ord("0") * _ONES)
_SEVEN = np.uint64(0x7F * _ONES)
_TO_HIGHEST = np.uint64((0x80 - 10) * _ONES)  # brings the bytes from 10 on to 0x80 and above
_HIGHEST = np.uint64(0x80 * _ONES)
_POWERS = 10.0 ** np.arange(LONGEST + 1)
_PAIRS, _FOURS, _EIGHT = np.uint64(10 * 2**8 + 1), np.uint64(100 * 2**16 + 1), np.uint64(10_000 * 2**32 + 1)
_OF_PAIRS, _OF_FOURS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_16, _32 = np.uint64(16), np.uint64(32)
_UP, _TOP, _BYTE = np.uint64(8), np.uint64(56), np.uint64(255)
_ONE, _TO_BYTES = np.uint64(1), np.uint64(7)


class Lines:
    """The lines of a text, one behind the other in one width: what begins at the same place of each is found without a search."""

    def __init__(self, signs: NDArray[np.uint8], starts: Whole, width: int) -> None:
        """width: signs of each line that are kept; so many must stand behind the last start."""
        self.starts, self.width = starts, width
        every: NDArray[Any] = np.ndarray((max(len(signs) - width + 1, 0),), f"V{width}", signs, strides=(1,))
        self._kept = every[starts]

    def place(self, starts: Whole) -> int | None:
        """How far behind the lines' starts these places are; None if it is not the same in each line."""
        if len(starts) != len(self.starts) or not len(starts):
            return None
        behind = starts - self.starts
        least = int(behind.min())
        return least if least == int(behind.max()) else None

    def words(self, place: int) -> Words | None:
        """The eight signs at a place of each line; None if so much is not kept."""
        if not 0 <= place <= self.width - WORD:
            return None
        words: Words = np.ndarray(self._kept.shape, "<u8", self._kept, place, (self.width,)).astype(np.uint64)
        return words


def decimals(
    signs: NDArray[np.uint8], starts: Whole, ends: Whole, decimal: str, first: Callable[[], Words] | None = None
) -> tuple[Floats, Flags]:
    """Cells of digits with at most one decimal sign, as correctly rounded numbers, and which of the cells are such.

    Args:
        signs: with PADDING around all cells. starts, ends: of the cells. first: gives the first eight signs of each cell.
    """
    lengths = ends - starts
    shortest, longest = (int(lengths.min()), int(lengths.max())) if len(lengths) else (1, 1)
    if longest <= WORD:
        word = words_at(signs, starts) if first is None else first()
        last, point, place = _split(_aligned(word, lengths, shortest, longest), decimal)
        good = _all_digits(last)
        whole = _value(last)
    else:
        last, point, place = _split(_long(signs, ends, lengths, 0), decimal)
        raw = _long(signs, ends, lengths, WORD)
        before, earlier, its_place = _split(raw.copy(), decimal)
        # Where the last word has the decimal sign, the sign before that word moves into it, and all before it by one.
        last = np.where(point, (last & ~_BYTE) | (raw >> _TOP), last)
        before = np.where(point, raw << _UP, before)
        place = np.where(earlier & ~point, its_place + WORD, place)
        good = _all_digits(last) & _all_digits(before) & ~(point & earlier)
        whole = _value(before) * np.uint64(10**WORD) + _value(last)
        point = point | earlier
        good &= (whole < EXACT) & (lengths <= LONGEST)
    if shortest < 2:
        good &= lengths > point
    values: Floats = whole.astype(np.float64)
    if point.any():
        values /= _POWERS[place]
    return values, good


def whole(signs: NDArray[np.uint8], starts: Whole, ends: Whole, first: Callable[[], Words] | None = None) -> tuple[Whole, Flags]:
    """Cells of digits alone, as numbers below 2^63, and which of the cells are such. See `decimals`."""
    lengths = ends - starts
    shortest, longest = (int(lengths.min()), int(lengths.max())) if len(lengths) else (1, 1)
    if longest <= WORD:
        words = _aligned(words_at(signs, starts) if first is None else first(), lengths, shortest, longest)
        good, values = _all_digits(words), _value(words)
    else:
        good, values = np.ones(len(lengths), np.bool_), np.zeros(len(lengths), np.uint64)
        for at in range(0, min(longest, 3 * WORD), WORD):
            words = _long(signs, ends, lengths, at)
            good &= _all_digits(words)
            values += _value(words) * np.uint64(10**at)
    if shortest < 1 or longest >= LONGEST_WHOLE:
        good &= (lengths > 0) & (lengths <= LONGEST_WHOLE) & (values < np.uint64(1 << 63))
    return values.view(np.int64), good


def words_at(signs: NDArray[np.uint8], places: Whole) -> Words:
    """The eight signs from each place on, the first in the lowest byte."""
    every: Words = np.ndarray((max(len(signs) - WORD + 1, 0),), "<u8", signs, strides=(1,))
    words: Words = every[places].astype(np.uint64, copy=False)
    return words


def _aligned(words: Words, lengths: Whole, shortest: int, longest: int) -> Words:
    """Cells of eight signs at most, from the eight signs where each begins."""
    words ^= _ZEROS
    if shortest < longest:
        words <<= np.uint64(64) - (lengths * WORD).view(np.uint64)
    elif longest < WORD:
        words <<= np.uint64(64 - WORD * longest)
    return words


def _long(signs: NDArray[np.uint8], ends: Whole, lengths: Whole, behind: int) -> Words:
    """The eight signs before so many signs behind a cell's end."""
    words = words_at(signs, ends - (WORD + behind))
    words ^= _ZEROS
    words &= _ENDS[np.clip(lengths - behind, 0, WORD)]
    return words


def _split(words: Words, decimal: str) -> tuple[Words, Flags, Any]:
    """Words without their decimal sign, which of them had one, and how many signs stood behind it. The words are used up."""
    sign = ord(decimal) ^ ord("0")
    if len(words) and (at := int(words[0]).to_bytes(WORD, "little").find(sign)) >= 0:
        shift = np.uint64(8 * at)
        if ((words & (_BYTE << shift)) == np.uint64(sign) << shift).all():  # as in nearly every column of prices
            moved = words & BEGINNINGS[at]
            moved <<= _UP
            words &= ~BEGINNINGS[at + 1]
            moved |= words
            return moved, np.ones((), np.bool_), np.full((), WORD - 1 - at)
    different = words ^ np.uint64(sign * _ONES)
    found = ~(((different & _SEVEN) + _SEVEN) | different | _SEVEN)  # the highest bit of each byte that is the sign
    point = found != 0
    if not point.any():
        return words, np.zeros((), np.bool_), np.zeros((), np.int64)
    bit = (found & (~found + _ONE)) >> _TO_BYTES
    below = bit - _ONE
    moved = (words & ~(below | (bit * _BYTE))) | ((words & below) << _UP)
    place = WORD - 1 - (np.frexp(bit.astype(np.float64))[1] - 1) // 8
    return np.where(point, moved, words), point, np.where(point, place, 0)


def _all_digits(words: Words) -> Flags:
    """Which words have a digit in each byte. No byte below 0x80 carries into the next one."""
    above = words + _TO_HIGHEST
    above |= words
    above &= _HIGHEST
    good: Flags = above == 0
    return good


def _value(words: Words) -> Words:
    """The numbers that eight digits are. The words are used up."""
    words *= _PAIRS
    words >>= _UP
    words &= _OF_PAIRS
    words *= _FOURS
    words >>= _16
    words &= _OF_FOURS
    words *= _EIGHT
    words >>= _32
    return words
