"""Numbers and words as the page writes them. Everything that goes into the page passes through `text` or is a number of ours."""

from __future__ import annotations

import html

MINUS = "\N{MINUS SIGN}"


def text(value: object) -> str:
    """Any value, safe between tags and inside quoted attributes."""
    return html.escape(str(value), quote=True)


def money(dollars: float, *, signed: bool = True) -> str:
    """`+$1,234.50`, with a real minus sign; zero has none."""
    sign = MINUS if dollars < 0 else "+" if dollars > 0 and signed else ""
    return f"{sign}${abs(dollars):,.2f}"


def price(value: float | None) -> str:
    """`24,954.25`; a dash where there is no such order."""
    return "\N{EN DASH}" if value is None else f"{value:,.2f}"


def count(number: int, noun: str, many: str = "") -> str:
    """`1 trade`, `1,204 trades`; `many` where an s does not make the plural."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def tone(number: float) -> str:
    """The class that colours a result."""
    return "gain" if number > 0 else "loss" if number < 0 else ""
