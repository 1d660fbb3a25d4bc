"""Numbers from text by whole-number arithmetic, eight signs at a time and no Python object a cell.

A cell is taken as one or two words of 64 bits, its last sign in the highest byte, with `0` before its first sign. So the value of
eight digits is three multiplications. A decimal sign is found by its byte, and the signs before it move up by one.
"""

from __future__ import annotations

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
_HIGH = np.uint64(0xF0 * _ONES)
_LOW = np.uint64(0x0F * _ONES)
_SIX = np.uint64(0x06 * _ONES)
_POWERS = 10.0 ** np.arange(LONGEST + 1)
_STEPS = tuple(
    (np.uint64(mask), np.uint64(times), np.uint64(shift))
    for mask, times, shift in (
        (0x0F0F0F0F0F0F0F0F, 2_561, 8),
        (0x00FF00FF00FF00FF, 6_553_601, 16),
        (0x0000FFFF0000FFFF, 42_949_672_960_001, 32),
    )
)
_UP, _TOP, _BYTE = np.uint64(8), np.uint64(56), np.uint64(255)
_ONE, _TO_BYTES = np.uint64(1), np.uint64(7)


def decimals(signs: NDArray[np.uint8], starts: Whole, ends: Whole, decimal: str) -> tuple[Floats, Flags]:
    """Cells of digits with at most one decimal sign, as correctly rounded numbers, and which of the cells are such.

    Args:
        signs: with PADDING around all cells. starts, ends: of the cells.
    """
    lengths = ends - starts
    shortest, longest = (int(lengths.min()), int(lengths.max())) if len(lengths) else (1, 1)
    last, point, place = _split(_words(signs, ends, lengths, 0, longest), decimal)
    good = _all_digits(last)
    if longest <= WORD:
        whole = _value(last)
    else:
        before, earlier, its_place = _split(_words(signs, ends, lengths, WORD, longest), decimal)
        raw = _words(signs, ends, lengths, WORD, longest)
        # Where the last word has the decimal sign, the sign before that word moves into it, and all before it by one.
        last = np.where(point, (last & ~_BYTE) | (raw >> _TOP), last)
        before = np.where(point, (raw << _UP) | np.uint64(ord("0")), before)
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


def whole(signs: NDArray[np.uint8], starts: Whole, ends: Whole) -> tuple[Whole, Flags]:
    """Cells of digits alone, as numbers below 2^63, and which of the cells are such. See `decimals`."""
    lengths = ends - starts
    longest = int(lengths.max()) if len(lengths) else 0
    word = _words(signs, ends, lengths, 0, longest)
    good, values = _all_digits(word), _value(word)
    for at in range(WORD, min(longest, 3 * WORD), WORD):
        word = _words(signs, ends, lengths, at, longest)
        good &= _all_digits(word)
        values += _value(word) * np.uint64(10**at)
    if not len(lengths) or int(lengths.min()) < 1 or longest >= LONGEST_WHOLE:
        good &= (lengths > 0) & (lengths <= LONGEST_WHOLE) & (values < np.uint64(1 << 63))
    return values.view(np.int64), good


def words_at(signs: NDArray[np.uint8], places: Whole) -> Words:
    """The eight signs from each place on, the first in the lowest byte."""
    every: Words = np.ndarray((max(len(signs) - WORD + 1, 0),), "<u8", signs, strides=(1,))
    words: Words = every[places].astype(np.uint64, copy=False)
    return words


def _words(signs: NDArray[np.uint8], ends: Whole, lengths: Whole, behind: int, longest: int) -> Words:
    """The eight signs before so many signs behind a cell's end; `0` where the cell has begun later."""
    if longest <= WORD:
        bits = (lengths * WORD).view(np.uint64)
        words = words_at(signs, ends - lengths)
        words <<= np.uint64(64) - bits
        words |= _ZEROS >> bits
        return words
    words = words_at(signs, ends - (WORD + behind))
    keep = _ENDS[np.clip(lengths - behind, 0, WORD)]
    words &= keep
    words |= _ZEROS & ~keep
    return words


def _split(words: Words, decimal: str) -> tuple[Words, Flags, Any]:
    """Words without their decimal sign, which of them had one, and how many signs stood behind it."""
    if len(words) and (at := int(words[0]).to_bytes(WORD, "little").find(ord(decimal))) >= 0:
        shift = np.uint64(8 * at)
        if (((words >> shift) & _BYTE) == ord(decimal)).all():  # as in nearly every column of prices
            moved = (words & BEGINNINGS[at]) << _UP
            moved |= words & ~BEGINNINGS[at + 1]
            moved |= np.uint64(ord("0"))
            return moved, np.ones((), np.bool_), np.full((), WORD - 1 - at)
    different = words ^ np.uint64(ord(decimal) * _ONES)
    found = ~(((different & _SEVEN) + _SEVEN) | different | _SEVEN)  # the highest bit of each byte that is the sign
    point = found != 0
    if not point.any():
        return words, np.zeros((), np.bool_), np.zeros((), np.int64)
    bit = (found & (~found + _ONE)) >> _TO_BYTES
    below = bit - _ONE
    moved = (words & ~(below | (bit * _BYTE))) | ((words & below) << _UP) | np.uint64(ord("0"))
    place = WORD - 1 - (np.frexp(bit.astype(np.float64))[1] - 1) // 8
    return np.where(point, moved, words), point, np.where(point, place, 0)


def _all_digits(words: Words) -> Flags:
    good: Flags = ((words & _HIGH) == _ZEROS) & (((words + _SIX) & _HIGH) == _ZEROS)
    return good


def _value(words: Words) -> Words:
    values = words.copy()
    for mask, times, shift in _STEPS:
        values &= mask
        values *= times
        values >>= shift
    return values
