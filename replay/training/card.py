"""The model card: what a model was made of, how it did on what it had not seen, and what it is not. As text, JSON and a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from tapewire.bus.messages import Direction
from tapewire.daemons.operator.tables import aligned
from tapewire.replay.training.boosting import Recipe
from tapewire.replay.training.scores import CalibrationBin, Score
from tapewire.strategies.features import FEATURES
from tapewire.strategies.model_file import ModelTerms

SIZE, EDGE = 360, 44  # of the picture and of the room for its labels, pixels

NOT = (
    "It is no evidence of profit: costs, slippage and the gate's limits are not in these figures. `tapewire backtest` on bars "
    "behind the training span has them.",
    "The thresholds were chosen on the same out-of-sample rows that are scored here, and so was everything that was tried before: "
    "what is shown above a threshold flatters.",
    "It knows the market of its span and instrument. It does not know that a market has changed.",
    "Rows next to each other overlap, so there are fewer independent ones than rows.",
)


class WindowScore(Struct, frozen=True):
    """One window of the walk-forward: trade dates of sample and test, and a score of the test for each side."""

    number: int
    sample_first: str
    sample_last: str
    test_first: str
    test_last: str
    scores: dict[Direction, Score]


class SideCard(Struct, frozen=True):
    """One side over all windows. reached: rows at or above the threshold; paid: the share of them that paid, None without one."""

    side: Direction
    threshold: float
    chosen: str
    score: Score
    reached: int
    paid: float | None
    calibration: list[CalibrationBin]


class ModelCard(Struct, frozen=True):
    """All of it. difference: the largest one between the file's answers and scikit-learn's, over all rows."""

    terms: ModelTerms
    sha256: str
    rows: int
    sessions: int
    recipe: Recipe
    plan: str
    windows: list[WindowScore]
    sides: list[SideCard]
    difference: float
    tolerance: float
    missing: dict[str, float]
    limits: tuple[str, ...] = NOT


def markdown(card: ModelCard, picture: str) -> str:
    """The card for a person. picture: the name of the file with the calibration."""
    return "\n".join(_lines(card, picture)) + "\n"


def short(card: ModelCard) -> Iterator[str]:
    """The card for a terminal: what it was made of, and a row per side."""
    terms = card.terms
    yield f"trained on    {terms.first} to {terms.last}, {card.sessions} sessions, {card.rows:,} rows"
    yield f"features      {len(terms.features)}, definitions {terms.digest[:12]}"
    yield f"windows       {card.plan}"
    yield f"conversion    {card.rows:,} rows one at a time, at most {card.difference:.1e} from scikit-learn"
    rows = [
        ("out of sample", "rows", "base rate", "log loss", "base rate's", "Brier", "AUC", "threshold", "reached", "of these paid")
    ]
    for each in card.sides:
        log_loss, base_log_loss, brier, _, auc = _scores(each.score)
        rows.append(
            (
                *(each.side, f"{each.score.rows:,}", f"{each.score.base_rate:.4f}", log_loss, base_log_loss, brier, auc),
                *(f"{each.threshold:.4f}", f"{each.reached:,}", "-" if each.paid is None else f"{each.paid:.4f}"),
            )
        )
    yield from aligned(rows)


def _lines(card: ModelCard, picture: str) -> Iterator[str]:
    terms, recipe = card.terms, card.recipe
    yield from ("# Model card", "")
    yield (
        f"Gradient boosting on {len(terms.features)} features of {terms.instrument} ({terms.root}): {recipe.trees} trees a side, "
        f"{recipe.leaves} leaves at most, rate {recipe.rate:g}, {recipe.rows_at_least} rows a leaf at least, l2 {recipe.l2:g}, a "
        f"sigmoid fitted on the last {recipe.calibrated:.0%} of the sessions. Seed {recipe.seed}."
    )
    yield ""
    yield from _table(
        ("", ""),
        [
            ("trained on", f"{terms.first} to {terms.last}, {card.sessions} sessions, {card.rows:,} rows"),
            ("label", f"{terms.label}: {terms.definition}"),
            ("sides, thresholds", ", ".join(f"{side.side} {side.threshold:.4f} ({side.chosen})" for side in card.sides)),
            ("windows", card.plan),
            ("data", f"sha256 `{terms.data}`"),
            ("features' definitions", f"sha256 `{terms.digest}`"),
            ("file", f"sha256 `{card.sha256}`"),
            ("made by", f"tapewire {terms.tapewire}; {', '.join(f'{name} {each}' for name, each in terms.libraries.items())}"),
            (
                "conversion",
                f"{card.rows:,} rows one at a time: {card.difference:.1e} at most from scikit-learn, {card.tolerance:g} allowed",
            ),
        ],
    )
    yield from ("", "## Out of sample, all windows together", "")
    yield from _table(
        (
            "side",
            "rows",
            "base rate",
            "log loss",
            "base rate's",
            "Brier",
            "base rate's",
            "AUC",
            "at the threshold",
            "of these paid",
        ),
        [
            (
                *(each.side, f"{each.score.rows:,}", f"{each.score.base_rate:.4f}", *_scores(each.score)),
                *(f"{each.reached:,}", "-" if each.paid is None else f"{each.paid:.4f}"),
            )
            for each in card.sides
        ],
    )
    yield from ("", "## Each window", "")
    yield from _table(
        ("window", "sample", "test", "side", "rows", "base rate", "log loss", "base rate's", "Brier", "base rate's", "AUC"),
        [
            (
                *(str(each.number), f"{each.sample_first} to {each.sample_last}", f"{each.test_first} to {each.test_last}"),
                *(side, f"{score.rows:,}", f"{score.base_rate:.4f}", *_scores(score)),
            )
            for each in card.windows
            for side, score in each.scores.items()
        ],
    )
    yield from ("", "## Calibration", "", f"![Calibration out of sample]({picture})", "")
    yield from _table(
        ("side", "probability", "rows", "mean probability", "paid"),
        [
            (each.side, f"{part.low:.4f} to {part.high:.4f}", f"{part.rows:,}", f"{part.expected:.4f}", f"{part.paid:.4f}")
            for each in card.sides
            for part in each.calibration
        ],
    )
    yield from ("", "## What it is not", "", *(f"* {each}" for each in card.limits))
    yield from ("", "## Features", "")
    yield from _table(
        ("name", "unit", "missing", "meaning"),
        [(name, FEATURES[name].unit, f"{card.missing[name]:.2%}", FEATURES[name].meaning) for name in terms.features],
    )


def _scores(score: Score) -> tuple[str, ...]:
    auc = "-" if score.auc is None else f"{score.auc:.4f}"
    return (f"{score.log_loss:.4f}", f"{score.base_log_loss:.4f}", f"{score.brier:.4f}", f"{score.base_brier:.4f}", auc)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    yield from (f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


def picture(card: ModelCard) -> str:
    """Mean probability and share that paid, of each tenth of each side, beside the line on which both are equal. SVG."""
    top = max((max(part.expected, part.paid) for side in card.sides for part in side.calibration), default=1.0) * 1.05 or 1.0

    def place(value: float) -> float:
        return value / top * (SIZE - 2 * EDGE)

    def point(x: float, y: float) -> str:
        return f"{EDGE + place(x):.1f} {SIZE - EDGE - place(y):.1f}"

    marks = [f'<path d="M{point(0, 0)}L{point(top, top)}" stroke="#999" stroke-dasharray="4 4"/>']
    ticks = [number * top / 4 for number in range(5)]
    marks += [f'<path d="M{point(at, 0)}L{point(at, top)}M{point(0, at)}L{point(top, at)}" stroke="#8884"/>' for at in ticks]
    words = [f'<text x="{EDGE + place(tick):.1f}" y="{SIZE - EDGE + 16}" text-anchor="middle">{tick:.2f}</text>' for tick in ticks]
    words += [f'<text x="{EDGE - 6}" y="{SIZE - EDGE - place(tick) + 4:.1f}" text-anchor="end">{tick:.2f}</text>' for tick in ticks]
    for number, (side, colour) in enumerate(zip(card.sides, ("#1a7f37", "#c0392b"), strict=False)):
        path = "L".join(point(part.expected, part.paid) for part in side.calibration)
        marks.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        marks += [
            f'<circle cx="{EDGE + place(part.expected):.1f}" cy="{SIZE - EDGE - place(part.paid):.1f}" r="3" fill="{colour}"/>'
            for part in side.calibration
        ]
        words.append(f'<text x="{EDGE + 8}" y="{EDGE + 14 * (number + 1)}" fill="{colour}">{side.side}</text>')
    words.append(f'<text x="{SIZE / 2:.0f}" y="{SIZE - 8}" text-anchor="middle">mean probability</text>')
    words.append(f'<text transform="translate(12 {SIZE / 2:.0f}) rotate(-90)" text-anchor="middle">share that paid</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" height="{SIZE}" '
        f'font-family="sans-serif" font-size="11" fill="#444"><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(marks)}{''.join(words)}</svg>\n"
    )
