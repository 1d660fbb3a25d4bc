"""What all pages are made of: the document with its style, script and policy, and tables, panels and figures.

A page needs no other file and no network. All of it is there without the script, which adds what a reader does with it: sorting,
searching, leafing. Its policy allows that one script by its hash, and nothing else: text of a plug-in could not run even if it were
not escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tapewire.replay.report.text import money, sentence, text, tone

FILES = Path(__file__).parent / "static"
MOST_COLUMNS = 5  # of a table that stays one on a phone; of a wider one each row becomes a card


class Column(Struct, frozen=True):
    """A column of a table. kind: "" for text, "n" for a number, set right, "words" for text that wraps, "wide" within words too."""

    name: str
    kind: str = ""


def numbers(*names: str) -> tuple[Column, ...]:
    """Columns of numbers."""
    return tuple(Column(name, "n") for name in names)


@cache
def style() -> str:
    return (FILES / "report.css").read_text("utf-8")


@cache
def script() -> str:
    return (FILES / "report.js").read_text("utf-8")


@cache
def policy() -> str:
    """The content security policy: nothing may be loaded or sent, no script may run but ours."""
    digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def document(title: str, content: Iterable[str], data: dict[str, Any] | None = None) -> str:
    """The whole page. content: HTML. data: what the script reads beside the page itself."""
    # A module runs when all of the page is there. `<` is no letter of this JSON, so no text in it can end the element.
    told = "" if data is None else _json(data)
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy()}">',
            f"<title>{text(title)}</title><style>{style()}</style>",
            f'<script type="module">{script()}</script></head><body><main>',
            *content,
            "</main>",
            f'<script type="application/json" id="data">{told}</script>' if told else "",
            "</body></html>\n",
        )
    )


def _json(data: dict[str, Any]) -> str:
    return msgspec.json.encode(data).decode().replace("<", "\\u003c")


def tiles(figures: Iterable[tuple[str, str, str, str]]) -> str:
    """Figures in a row: name, value, its CSS class, and small words below."""
    cells = (
        f'<div><dt>{text(name)}</dt><dd class="{kind}">{sentence(value)}<small>{sentence(small)}</small></dd></div>'
        for name, value, kind, small in figures
    )
    return f'<dl class="figures">{"".join(cells)}</dl>'


def panel(content: str) -> str:
    return f'<div class="panel">{content}</div>'


def table(caption: str, columns: Sequence[Column], rows: Iterable[Sequence[str]], *, label: str = "") -> str:
    """A table, which the script makes sortable, from cells that are HTML already. label: its name where it has no caption."""
    cards = len(columns) > MOST_COLUMNS
    lines = [row(columns, cells, cards=cards) for cells in rows]
    body = "".join(lines) or f'<tr><td class="none" colspan="{len(columns)}">None</td></tr>'
    named = f"<caption>{text(caption)}</caption>" if caption else ""
    about = f' aria-label="{text(label)}"' if label else ""
    kind = "sorts cards" if cards else "sorts"
    return f'<table class="{kind}"{about}>{named}{head(columns)}<tbody>{body}</tbody></table>'


def head(columns: Sequence[Column]) -> str:
    cells = "".join(f'<th scope="col"{_kind(column)}>{text(column.name)}</th>' for column in columns)
    return f"<thead><tr>{cells}</tr></thead>"


def row(columns: Sequence[Column], cells: Sequence[str], *, cards: bool = False, kind: str = "") -> str:
    """One row. cards: each cell also has its column's name, for a screen on which the head does not fit."""
    named = (f' data-label="{text(column.name)}"' if cards else "" for column in columns)
    tds = "".join(f"<td{_kind(column)}{name}>{cell}</td>" for column, cell, name in zip(columns, cells, named, strict=True))
    return f"<tr{kind and f' class={kind}'}>{tds}</tr>"


def net(dollars: float | None) -> str:
    """Money in the colour of its sign."""
    return f'<span class="{tone(dollars)}">{money(dollars)}</span>' if tone(dollars) else money(dollars)


def _kind(column: Column) -> str:
    return f' class="{column.kind}"' if column.kind else ""
