"""A run under every fill model as one page: figures, equity, what ended the trades, and the rules. It needs no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from msgspec import Struct

from tapewire.replay.report import charts, parts
from tapewire.replay.report.parts import Column
from tapewire.replay.report.plot import down, padded, plot, ranked, steps
from tapewire.replay.report.text import count, money, ratio, share, text
from tapewire.replay.venue.stated import StatedRule


class ModelRun(Struct, frozen=True):
    """A run under one fill model.

    rules: in words. figures: those of desk/numbers.py. ended: trades by what ended them. refused: intents that the gate refused.
    off: strategies that were switched off, with the error.
    """

    fill: str
    rules: tuple[StatedRule, ...]
    figures: dict[str, Any]
    ended: dict[str, int]
    refused: int
    off: tuple[str, ...]


class ComparedModels(Struct, frozen=True):
    """One recording and one preset under every fill model. sessions: trade dates with an RTH bar."""

    instrument: str
    preset: str
    strategies: tuple[str, ...]
    sessions: tuple[str, ...]
    bars: int
    models: tuple[ModelRun, ...]

    @property
    def reasons(self) -> list[str]:
        """What ended trades of any of them."""
        return sorted({reason for each in self.models for reason in each.ended})


def page(found: ComparedModels, nets: Mapping[str, Sequence[float]]) -> str:
    """The whole document. nets: by model, the net of each session, in dollars."""
    title = f"Fill models: {found.instrument}, preset {found.preset}"
    content = (
        f'<header><h1>{text(title)}</h1><p class="facts">{text(", ".join(found.strategies))}; '
        f"{count(len(found.sessions), 'session')}, {found.bars:,} bars</p></header>",
        '<p class="soft">The same bars and the same settings under each model. A result that one of them makes and another does '
        "not hangs on what no bar tells.</p>",
        _figures(found.models),
        f"<h2>Equity</h2><figure>{_equity(nets, found.sessions)}<figcaption>{_keys(found.models)}</figcaption></figure>",
        _ended(found),
        _rules(found.models),
        *(f'<p class="loss">{text(f"{each.fill}: {words}")}</p>' for each in found.models for words in each.off),
    )
    return parts.document(f"tapewire: {title}", content)


def _figures(models: Sequence[ModelRun]) -> str:
    columns = (
        Column("Model"),
        *parts.numbers("Trades", "Won", "Net", "A trade", "Profit factor", "Drawdown", "Sharpe", "Commission", "Refused"),
    )
    rows = (
        (
            text(each.fill),
            f"{each.figures['trades']:,}",
            share(each.figures["win_rate"]),
            parts.net(each.figures["net"]),
            parts.net(each.figures["expectancy"]),
            ratio(each.figures["profit_factor"]),
            money(each.figures["max_drawdown"], signed=False),
            ratio(each.figures["sharpe"]),
            money(each.figures["commission"], signed=False),
            f"{each.refused:,}",
        )
        for each in models
    )
    return f"<h2>Results</h2>{parts.panel(parts.table('', columns, rows, label='Results'))}"


def _equity(nets: Mapping[str, Sequence[float]], sessions: Sequence[str]) -> str:
    """Realised equity per session, from 0, a line for each model."""
    lines = [list(accumulate(each, initial=0.0)) for each in nets.values()]
    last = max(len(lines[0]) - 1, 1)
    y = padded(min(map(min, lines)), max(map(max, lines)), 0.06)
    shapes = [f'<path class="zero" d="M0 {down(y(0))}H{charts.WIDTH}"/>']
    for number, line in enumerate(lines):
        path = "M" + "L".join(f"{at / last * charts.WIDTH:.1f} {down(y(value))}" for at, value in enumerate(line))
        shapes.append(f'<path class="model m{number}" d="{path}"/>')
    ends = ", ".join(f"{name} {money(line[-1])}" for name, line in zip(nets, lines, strict=True))
    x = ranked([(at / last, session) for at, session in enumerate(sessions)], 0.075, 0.28)
    return plot(
        "equity-plot",
        f"Realised equity of each model over {count(len(sessions), 'session')}: {ends}",
        charts.WIDTH,
        shapes,
        y=steps(y, 6, charts.axis),
        x=[each for each in x if each[0] < 0.94],
    )


def _keys(models: Sequence[ModelRun]) -> str:
    return "".join(f'<span class="key k-m{at}">{text(each.fill)}</span>' for at, each in enumerate(models))


def _ended(found: ComparedModels) -> str:
    reasons = found.reasons
    columns = (Column("Model"), *parts.numbers(*reasons))
    rows = ((text(each.fill), *(f"{each.ended.get(reason, 0):,}" for reason in reasons)) for each in found.models)
    return f"<h2>What ended the trades</h2>{parts.panel(parts.table('', columns, rows, label='What ended the trades'))}"


def _rules(models: Sequence[ModelRun]) -> str:
    """The rules in words, a row for each kind of order. Those that flatter are marked."""
    names = list(dict.fromkeys(rule.of for each in models for rule in each.rules))
    by_model = [{rule.of: rule for rule in each.rules} for each in models]
    rows = ((text(name), *(_rule(rules.get(name)) for rules in by_model)) for name in names)
    columns = (Column("Orders"), *(Column(each.fill, "wide") for each in models))
    note = '<p class="soft">* flatters: it may show more than an account would have made.</p>'
    return f"<h2>The rules</h2>{parts.panel(parts.table('', columns, rows, label='The rules'))}{note}"


def _rule(rule: StatedRule | None) -> str:
    return "" if rule is None else text(rule.rule) + (" *" if rule.flatters else "")
