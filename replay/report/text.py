"""Numbers and words in the page's format. Everything on the page passes through `text`, or is a number formatted here."""

from __future__ import annotations

import html

from tapewire.strategies.figures import shown

MINUS = "\N{MINUS SIGN}"


def text(value: object) -> str:
    """Any value, safe between tags and inside quoted attributes."""
    return html.escape(str(value), quote=True)


def money(dollars: float, *, signed: bool = True) -> str:
    """`+$1,234.50`, with a typographic minus sign; zero has no sign."""
    sign = MINUS if dollars < 0 else "+" if dollars > 0 and signed else ""
    return f"{sign}${abs(dollars):,.2f}"


def price(value: float | None) -> str:
    """`24,954.25`, `0.0064325`; a dash without a value."""
    return "\N{EN DASH}" if value is None else shown(value, ",")


def ratio(value: float | None) -> str:
    """`1.25`, with a typographic minus sign; a dash without a value."""
    return "\N{EN DASH}" if value is None else f"{value:.2f}".replace("-", MINUS)


def count(number: int, noun: str, many: str = "") -> str:
    """`1 trade`, `1,204 trades`; `many` is the plural where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def tone(number: float) -> str:
    """The CSS class that colours a result."""
    return "gain" if number > 0 else "loss" if number < 0 else ""
