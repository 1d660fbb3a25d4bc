"""Numbers and words in the page's format. Everything on the page passes through `text`, or is a number formatted here."""

from __future__ import annotations

import html
import re

from tapewire.strategies.figures import shown

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
MOST_SESSIONS = 10_000
_AMOUNT = re.compile(rf"[{MINUS}+]\$[\d,.]*\d[kM]?")


def text(value: object) -> str:
    """Any value, safe between tags and inside quoted attributes."""
    return html.escape(str(value), quote=True)


def sentence(words: object) -> str:
    """As `text`, of words with amounts in them: a line may otherwise end between the sign of one and its dollars."""
    return _AMOUNT.sub(r'<span class="whole">\g<0></span>', text(words))


def money(dollars: float | None, *, signed: bool = True) -> str:
    """`+$1,234.50`, with a typographic minus sign; zero has no sign; a dash without a value."""
    return DASH if dollars is None else f"{_sign(dollars, signed)}${abs(dollars):,.2f}"


def short(dollars: float, *, signed: bool = True) -> str:
    """Money where room is scarce: `+$340`, `+$1.2k`, `+$34k`, `+$1.2M`."""
    size = abs(dollars)
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if size >= unit * 0.9995:
            digits = 1 if size < 9.95 * unit else 0
            return f"{_sign(dollars, signed)}${size / unit:,.{digits}f}{name}"
    return f"{_sign(round(dollars), signed)}${size:,.0f}"


def price(value: float | None) -> str:
    """`24,954.25`, `0.0064325`; a dash without a value."""
    return DASH if value is None else shown(value, ",")


def ratio(value: float | None) -> str:
    """`1.25`, with a typographic minus sign; a dash without a value."""
    return DASH if value is None else f"{value:.2f}".replace("-", MINUS)


def share(value: float | None) -> str:
    """`52.5%`, likewise."""
    return DASH if value is None else f"{value:.1%}".replace("-", MINUS)


def count(number: int, noun: str, many: str = "") -> str:
    """`1 trade`, `1,204 trades`; `many` is the plural where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def tone(number: float | None) -> str:
    """The CSS class that colours a result."""
    return "gain" if number and number > 0 else "loss" if number and number < 0 else ""


def _sign(number: float, signed: bool) -> str:
    return MINUS if number < 0 else "+" if number > 0 and signed else ""


def many_sessions(needed: int) -> str:
    """How many sessions a test would take. Beyond forty years the figure says nothing more."""
    return f"about {count(needed, 'session')}" if needed <= MOST_SESSIONS else f"more than {MOST_SESSIONS:,} sessions (40 years)"
