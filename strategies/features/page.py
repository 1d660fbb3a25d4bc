"""The page of all features, FEATURES.md beside this module: `python -m tapewire.strategies.features.page`."""

from __future__ import annotations

from tapewire.strategies.features.stream import FAMILIES, FEATURES

INTRODUCTION = """# Features

Made by `python -m tapewire.strategies.features.page` from the modules beside this page; do not edit.

What a model knows of a bar: {count} features, computed at the bar's close from the tracker's sessions up to it.
`tapewire features --list` shows this table, `tapewire features` exports them with labels, and `tapewire lookahead --features`
proves on a recording that no value changes when the future is taken away.

o, h, l, c and v are the bar's prices and volume, c[n] the close n bars before, ATR the tracker's ATR 14, R the height of
the initial balance. Bars are counted, not minutes. No feature looks beyond the trade date's first bar except by what the
tracker carries: averages, levels, earlier balances, the window of the order flow. What cannot be computed is missing: before
the bars that it needs, without order flow, without movement.

**Names end with the unit**: `_atr` multiples of ATR, `_r` shares of R, `_w` shares of the range that is named, `_sigma`
deviations, `_share` a part of a whole, `_ratio` a quotient, `_percent`, `_bp` hundredths of a percent, `_minutes`, `_bars`,
`_count`, `_flag` 0 or 1, `_code` whole numbers in a told order. A feature whose values change gets a new revision:
`tests/golden/features.json` holds the values of each on invented bars, as a digest.
"""
HEADING = "\n## {title}\n\n{words}.\n\n| name | is | revision |\n| --- | --- | --- |\n"


def page() -> str:
    """The text of FEATURES.md: a table per family, under what its module says of it."""
    parts = [INTRODUCTION.format(count=len(FEATURES))]
    for family in FAMILIES:
        told = (family.__doc__ or "").partition("\n")[0].removeprefix("Features of ").rstrip(".")
        title, _, words = (each.strip() for each in told.partition(":"))
        parts.append(HEADING.format(title=_upper(title), words=_upper(words)))
        parts.extend(f"| `{each.name}` | {_cell(each.meaning)} | {each.revision} |\n" for each in family.table())
    return "".join(parts)


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("[", "\\[")


if __name__ == "__main__":
    print(page(), end="")
