"""Prices in words, whatever an instrument ticks: 21000.25, 110.328125, 0.0064325.

A strategy does not know its instrument's tick. The price of a bar is written in full, a computed one (VWAP, a band) to six digits,
both with two decimals at least.
"""

from __future__ import annotations

import math

DIGITS = 6
LONGEST = 10  # decimals; the finest tick is half a millionth


def decimals(price: float) -> int:
    """Decimals of a computed price: two from 1,000 on, eight for one such as 0.0064."""
    if price == 0 or not math.isfinite(price):
        return 2
    return min(LONGEST, max(2, DIGITS - 1 - math.floor(math.log10(abs(price)))))


def shown(price: float | None, form: str = "") -> str:
    """A price or a distance in points; a dash for None. form: what stands before the decimals of the format, such as `,`."""
    if price is None:
        return "-"
    whole = f"{price:{form}.{LONGEST}f}"
    if float(whole.replace(",", "")) != price:
        whole = f"{price:{form}.{decimals(price)}f}"
    before, _, after = whole.partition(".")
    return f"{before}.{after.rstrip('0'):0<2}"
